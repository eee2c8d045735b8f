// What both explorers do with their page: sliders, spoken verdicts, drawing anew.
"use strict";

globalThis.page = (() => {
  /** The HTML of a labelled slider; `bindSlider` brings it to life. */
  const slider = (id, label, low, high, step, value) => `
    <div class="explorer-slider">
      <label for="${id}">${label}</label>
      <output id="${id}-value" for="${id}"></output>
      <input id="${id}" type="range" min="${low}" max="${high}" step="${step}" value="${value}">
    </div>`;

  /** Calls `changed` with the slider's value now and later; it returns the value in words. */
  function bindSlider(id, changed) {
    const input = document.getElementById(id);
    const update = () => {
      const words = changed(Number(input.value));
      document.getElementById(`${id}-value`).textContent = words;
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

  return { announcer, bindChoice, bindSlider, choice, onClick, painter, slider };
})();
