// What the live figures do with their page: sliders, spoken verdicts, drawing anew.
"use strict";

globalThis.page = (() => {
  /** The HTML of a labelled slider; `bindSlider` brings it to life. */
  const slider = (id, label, low, high, step, value) => `
    <div class="explorer-slider">
      <label for="${id}">${label}</label>
      <output id="${id}-value" for="${id}"></output>
      <input id="${id}" type="range" min="${low}" max="${high}" step="${step}" value="${value}">
    </div>`;

  /** The HTML of a slider that is not seen, where a figure shows what it holds and its focus. */
  const handle = (id, label, low, high, step, value) => `
    <span class="visually-hidden">
      <label for="${id}">${label}</label>
      <input id="${id}" type="range" min="${low}" max="${high}" step="${step}" value="${value}">
    </span>`;

  /** Calls `changed` with the slider's value now and later; it returns the value in words. */
  function bindSlider(id, changed) {
    const input = document.getElementById(id);
    const output = document.getElementById(`${id}-value`);
    const update = () => {
      const words = changed(Number(input.value));
      if (output) output.textContent = words;
      input.setAttribute("aria-valuetext", words);
    };
    input.addEventListener("input", update);
    update();
    return (value) => {
      input.value = value;
      update();
    };
  }

  /** The HTML of radio buttons, [value, label] each; `bindChoice` brings them to life. */
  const choice = (name, legend, options, chosen) => `
    <fieldset class="explorer-choice">
      <legend>${legend}</legend>
      ${options.map(([value, label]) => `
        <label><input type="radio" name="${name}" value="${value}"
          ${value === chosen ? "checked" : ""}> ${label}</label>`).join("")}
    </fieldset>`;

  /** Calls `changed` with the value of the radio button that is chosen, later. */
  function bindChoice(name, changed) {
    for (const input of document.getElementsByName(name)) {
      input.addEventListener("change", () => changed(input.value));
    }
  }

  /** Says a text to screen readers once it has stopped changing. */
  function announcer(region) {
    let waiting;
    return (text) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { region.textContent = text; }, 700);
    };
  }

  /** Draws in the next frame, once however often it is asked, and whenever the width changes. */
  function painter(root, draw) {
    let asked = false;
    const ask = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    };
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth !== width) ask();
      width = root.clientWidth;
    }).observe(root);
    return ask;
  }

  /** Calls `chosen` with where the figure was clicked, in pixels from its left. */
  function onClick(svg, chosen) {
    svg.addEventListener("click", (event) => {
      chosen(event.clientX - svg.getBoundingClientRect().left);
    });
  }

  /** Calls `begun` with the event that takes hold of a mark, then `moved` with each until the end. */
  function onDrag(svg, mark, begun, moved) {
    let dragging = false;
    svg.addEventListener("touchstart", (event) => {
      if (event.target.matches(mark)) event.preventDefault(); // or the finger scrolls the page
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      if (!event.target.matches(mark)) return;
      event.preventDefault();
      svg.setPointerCapture(event.pointerId);
      dragging = true;
      begun(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (dragging) moved(event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      svg.addEventListener(end, () => { dragging = false; });
    }
  }

  return { announcer, bindChoice, bindSlider, choice, handle, onClick, onDrag, painter, slider };
})();
