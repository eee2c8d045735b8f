// What every page of the book does beside what its theme does.
"use strict";

{
  const { dataset } = document.documentElement;
  let theme;

  // Paper is white: a page that is read in the dark is printed as it looks in the light.
  addEventListener("beforeprint", () => {
    theme = dataset.theme;
    dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    dataset.theme = theme;
  });

  // What scrolls can be scrolled from the keyboard, and fades where there is more.
  const fade = (box) =>
    box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
      fade(target);
    }
  });
  const watch = (selector) => {
    for (const box of document.querySelectorAll(selector)) {
      watcher.observe(box);
      box.addEventListener("scroll", () => fade(box), { passive: true });
    }
  };
  watch(".cell_output, .cell_output .text_html, .pst-scrollable-table-container, .highlight pre");
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise; // which sets the formulas
    watch('mjx-container[display="true"]');
  });

  // The rows of the ledger: a link to each, and controls that choose among them.
  const rows = [...document.querySelectorAll("table.ledger tbody tr")];
  for (const row of rows) {
    const link = document.createElement("a");
    link.href = `#${row.id}`;
    link.className = "permalink";
    link.textContent = "#";
    link.ariaLabel = `Link to the row ${row.id.replace("claim-", "")}`;
    row.querySelector("td p").append(link);
  }
  if (rows.length > 0) {
    const fails = (row) => row.querySelector(".fails") !== null;
    const chapter = (row) => row.cells[1].textContent.trim();
    const chapters = [...new Set(rows.map(chapter))];
    const bar = document.createElement("form");
    bar.className = "filters";
    bar.innerHTML = `
      <label>Verdict <select name="verdict"><option value="">any</option>
        <option value="holds">holds</option><option value="fails">fails in part or whole</option>
      </select></label>
      <label>Chapter <select name="chapter"><option value="">any</option></select></label>
      <label>Words <input name="words" type="search"></label>
      <output></output>`;
    const { verdict, chapter: chosen, words } = bar.elements;
    for (const name of chapters) chosen.add(new Option(name));
    const choose = () => {
      let shown = 0;
      for (const row of rows) {
        const fits =
          (!verdict.value || fails(row) === (verdict.value === "fails")) &&
          (!chosen.value || chapter(row) === chosen.value) &&
          row.textContent.toLowerCase().includes(words.value.trim().toLowerCase());
        row.hidden = !fits;
        shown += fits;
      }
      bar.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
    };
    bar.addEventListener("input", choose);
    bar.addEventListener("submit", (event) => event.preventDefault());
    document.querySelector("#the-rows").append(bar);
    choose();
  }
}
