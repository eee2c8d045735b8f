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

  // What scrolls can be scrolled from the keyboard.
  const boxes = document.querySelectorAll("div.cell_output, .pst-scrollable-table-container");
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of boxes) watcher.observe(box);
}
