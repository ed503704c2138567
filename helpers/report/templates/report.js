"use strict";
const root = document.documentElement;
const codeSwitch = document.getElementById("code-switch");
const themeSwitch = document.getElementById("theme-switch");
const contents = document.querySelector(".side details");
const wide = matchMedia("(min-width: 64rem)");

codeSwitch.addEventListener("click", () => {
  const open = codeSwitch.getAttribute("aria-pressed") !== "true";
  for (const fold of document.querySelectorAll("details.code")) fold.open = open;
  codeSwitch.setAttribute("aria-pressed", open);
  codeSwitch.textContent = open ? "Hide all code" : "Show all code";
});

themeSwitch.addEventListener("click", () => {
  const theme = root.dataset.theme === "dark" ? "light" : "dark";
  setTheme(theme);
  // Some browsers keep no storage for a file on disk.
  try { localStorage.setItem("theme", theme); } catch { }
});

// Beside the text the contents stay open; above it they fold away.
const fold = () => { contents.open = wide.matches; };
wide.addEventListener("change", fold);
fold();

const entries = new Map();
for (const link of document.querySelectorAll(".side a")) entries.set(link.hash.slice(1), link);
const headings = [...document.querySelectorAll("main h1[id], main h2[id], main h3[id]")].filter(h => entries.has(h.id));
for (const heading of headings) {
  const anchor = document.createElement("a");
  anchor.className = "anchor";
  anchor.href = "#" + heading.id;
  anchor.textContent = "#";
  anchor.setAttribute("aria-label", "Link to this section");
  heading.append(anchor);
}

// The section being read is the last whose heading has passed the upper third of the window.
const follow = () => {
  const passed = headings.filter(heading => heading.getBoundingClientRect().top < innerHeight / 3);
  const link = entries.get((passed.at(-1) ?? headings[0])?.id);
  if (!link || link.hasAttribute("aria-current")) return;
  for (const other of entries.values()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const side = document.querySelector(".side");
  if (wide.matches) side.scrollTo({ top: link.offsetTop - side.clientHeight / 2 });
};
const watch = new IntersectionObserver(follow, { rootMargin: "0px 0px -66% 0px" });
for (const heading of headings) watch.observe(heading);
