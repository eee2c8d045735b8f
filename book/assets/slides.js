// The slides of a week: keys that go from one to the next, and an address that says which it is.
"use strict";

{
  const slides = [...document.querySelectorAll("main > section")];
  const steps = {
    ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1,
    ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
    Home: -Infinity, End: Infinity,
  };
  let current = 0;

  const go = (number) => {
    current = Math.min(Math.max(number, 0), slides.length - 1);
    slides[current].scrollIntoView();
  };
  go(slides.findIndex((slide) => `#${slide.id}` === location.hash));
  addEventListener("keydown", (event) => {
    const step = event.shiftKey && event.key === " " ? -1 : steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest(".explorer")) return; // whose arrow keys are its own
    event.preventDefault();
    go(current + step);
  });

  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      current = slides.indexOf(target);
      history.replaceState(null, "", `#${target.id}`);
    }
  }, { rootMargin: "-50% 0px" });
  for (const slide of slides) watcher.observe(slide);

  // The live figures follow the theme by this name; paper is white.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", paint);
  addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; });
  addEventListener("afterprint", paint);
  paint();
}
