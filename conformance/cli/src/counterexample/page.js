"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const panels = [...document.querySelectorAll(".step-panel")];
  const marks = [...document.querySelectorAll(".space-time [data-step]")];
  const lives = [...document.querySelectorAll(".space-time .life")];
  const messages = [...document.querySelectorAll(".space-time .message")];
  const last = panels.length - 1;
  const slider = byId("slider");
  const play = byId("play");
  let current = 0;
  let timer = null;

  const show = (wanted) => {
    current = Math.min(Math.max(wanted, 0), last);
    panels.forEach((panel, step) => { panel.hidden = step !== current; });
    for (const mark of marks) {
      const step = Number(mark.dataset.step);
      mark.classList.toggle("now", step === current);
      mark.classList.toggle("later", step > current);
    }
    for (const message of messages) {
      const sent = Number(message.dataset.sent);
      const arrives = Number(message.dataset.arrives ?? Infinity);
      message.classList.toggle("now", arrives === current || (sent === current && current > 0));
      message.classList.toggle("later", sent > current);
    }
    for (const life of lives) { life.classList.toggle("later", Number(life.dataset.after) > current); }
    slider.value = String(current);
    slider.setAttribute("aria-valuetext", "step " + current + " of " + last);
    byId("position").textContent = "step " + current + " of " + last;
    byId("first").disabled = byId("previous").disabled = current === 0;
    byId("next").disabled = byId("last").disabled = current === last;
    document.body.dataset.step = String(current);
    const band = document.querySelector(".space-time .now .band");
    const box = document.querySelector(".drawing");
    if (band) {
      const y = Number(band.getAttribute("y"));
      if (y < box.scrollTop || y + 80 > box.scrollTop + box.clientHeight) { box.scrollTop = y - box.clientHeight / 2; }
    } else {
      box.scrollTop = 0;
    }
  };

  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶ Play";
    play.setAttribute("aria-pressed", "false");
  };

  const go = (step) => { stop(); show(step); history.replaceState(null, "", "#step-" + current); };

  const toggle = () => {
    if (timer !== null) { stop(); return; }
    if (current === last) { show(0); }
    play.textContent = "❚❚ Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => { show(current + 1); if (current === last) { stop(); } }, 1500);
  };

  byId("first").addEventListener("click", () => go(0));
  byId("previous").addEventListener("click", () => go(current - 1));
  byId("next").addEventListener("click", () => go(current + 1));
  byId("last").addEventListener("click", () => go(last));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => go(Number(slider.value)));
  for (const mark of marks) { mark.addEventListener("click", () => go(Number(mark.dataset.step))); }
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) { return; }
    const onSlider = event.target === slider;
    const onButton = event.target instanceof HTMLButtonElement || event.target.tagName === "SUMMARY";
    const steps = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: last };
    if (event.key in steps && !onSlider) { event.preventDefault(); go(steps[event.key]); }
    if (event.key === " " && !onButton) { event.preventDefault(); toggle(); }
  });
  const fromAddress = () => {
    const found = /^#step[-=](\d+)$/.exec(location.hash);
    if (found) { stop(); show(Number(found[1])); }
  };
  window.addEventListener("hashchange", fromAddress);

  slider.max = String(last);
  byId("controls").hidden = false;
  document.body.classList.add("playing");
  show(0);
  fromAddress();
})();
