"use strict";
const root = document.documentElement;
const side = document.querySelector(".side");
const contents = side.querySelector("details");
const codeSwitch = document.getElementById("code-switch");
const themeSwitch = document.getElementById("theme-switch");
const here = document.getElementById("here");
const wide = matchMedia("(min-width: 64rem)");
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const redraws = []; // what must be drawn anew when the colours change

codeSwitch.addEventListener("click", () => {
  const open = codeSwitch.getAttribute("aria-pressed") !== "true";
  for (const fold of document.querySelectorAll("details.code")) fold.open = open;
  codeSwitch.setAttribute("aria-pressed", open);
  codeSwitch.textContent = open ? "Hide all code" : "Show all code";
});

// Dark or light as the system has it, until the reader chooses.
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
const showTheme = () => {
  themeSwitch.textContent = isDark() ? "Light" : "Dark"; // what it does
  for (const redraw of redraws) redraw();
};
themeSwitch.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
systemDark.addEventListener("change", showTheme);

// Beside the text the contents stay open; above it they fold away, also when a section was chosen.
const fold = () => { contents.open = wide.matches; };
wide.addEventListener("change", fold);
contents.addEventListener("click", event => { if (event.target.closest("a")) fold(); });
fold();

const entries = new Map();
for (const link of side.querySelectorAll("a")) entries.set(decodeURIComponent(link.hash.slice(1)), link);
const headings = [...document.querySelectorAll("main h1[id], main h2[id], main h3[id]")].filter(h => entries.has(h.id));
for (const heading of headings) {
  const anchor = document.createElement("a");
  anchor.className = "anchor";
  anchor.href = "#" + heading.id;
  anchor.textContent = "#";
  anchor.setAttribute("aria-label", "Link to " + heading.textContent);
  heading.append(anchor);
}

// The section being read is the last whose heading has passed the upper third of the window, or at the end the last.
const follow = () => {
  const atEnd = scrollY > 0 && scrollY + innerHeight > root.scrollHeight - 2;
  const line = atEnd ? innerHeight : innerHeight / 3;
  const passed = headings.filter(heading => heading.getBoundingClientRect().top < line);
  const link = entries.get((passed.at(-1) ?? headings[0])?.id);
  if (!link || link.hasAttribute("aria-current")) return;
  for (const other of entries.values()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  here.textContent = passed.length ? link.textContent : "";
  if (wide.matches) contents.scrollTo({ top: link.offsetTop - contents.clientHeight / 2 });
};
let waiting = 0;
addEventListener("scroll", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(follow);
}, { passive: true });
follow();

// A box is a stop for the keyboard only while there is something to scroll in it.
const stops = new ResizeObserver(boxes => {
  for (const { target: box } of boxes) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".scroll, .formula, main pre")) stops.observe(box);

// Maps of points. The picture that stands below each stays for print, and for those who hear the page.
const decode = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const median = values => values.sort((a, b) => a - b)[values.length >> 1];
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;

const openMap = box => {
  const read = JSON.parse(document.getElementById(box.dataset.points).textContent);
  const { labels: encoded, panels: points, titles } = read;
  const labels = decode(encoded);
  const buttons = [...box.querySelectorAll("button")];
  const names = buttons.map(button => button.textContent);
  const radius = Math.min(2.6, Math.max(1.4, 60 / Math.sqrt(labels.length)));
  let chosen = -1; // the class that stands out
  let hovered = -1; // the point under the pointer, the same image in every panel

  const own = names.map((_, k) => [...labels.keys()].filter(i => labels[i] === k));
  const laidOut = places => ({ places, middles: own.map(all =>
    all.length && [0, 1].map(axis => median(all.map(i => places[2 * i + axis])))) });
  const layouts = points.map(text => new Uint16Array(decode(text).buffer));
  const slider = box.querySelector("input"); // of a film, which has one canvas for all its layouts
  const panels = [...box.querySelectorAll("canvas")].map((canvas, at) =>
    ({ canvas, pen: canvas.getContext("2d"), ...laidOut(layouts[slider ? slider.value : at]) }));

  const margin = 12;
  const place = (canvas, value) => margin + (canvas.clientWidth - 2 * margin) * value / 65535;
  const draw = () => {
    const colours = buttons.map(button => getComputedStyle(button, "::before").backgroundColor);
    const { color: ink, backgroundColor: paper } = getComputedStyle(document.body);
    for (const { canvas, pen, places, middles } of panels) {
      const size = canvas.clientWidth;
      canvas.width = canvas.height = size * devicePixelRatio;
      pen.scale(devicePixelRatio, devicePixelRatio);
      const dot = (i, r) => {
        pen.beginPath();
        pen.arc(place(canvas, places[2 * i]), place(canvas, places[2 * i + 1]), r, 0, 7);
      };
      const faded = i => chosen >= 0 && labels[i] !== chosen;
      for (const pale of [true, false]) { // those that stand out come last, on top
        pen.globalAlpha = pale ? 0.12 : 0.8;
        for (let i = 0; i < labels.length; i++) {
          if (faded(i) !== pale) continue;
          pen.fillStyle = colours[labels[i]];
          dot(i, radius);
          pen.fill();
        }
      }
      pen.globalAlpha = 1;
      if (names.every(name => name.length === 1)) middles.forEach((middle, k) => {
        if (!middle || (chosen >= 0 && k !== chosen)) return;
        const [x, y] = middle.map(value => place(canvas, value));
        pen.beginPath();
        pen.arc(x, y, 9, 0, 7);
        pen.fillStyle = paper;
        pen.strokeStyle = colours[k];
        pen.lineWidth = 1.5;
        pen.fill();
        pen.stroke();
        pen.fillStyle = ink;
        pen.font = "bold 12px DejaVu Sans, sans-serif";
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.fillText(names[k], x, y + 1);
      });
      if (hovered >= 0) {
        dot(hovered, 5);
        pen.fillStyle = colours[labels[hovered]];
        pen.strokeStyle = ink;
        pen.lineWidth = 1.5;
        pen.fill();
        pen.stroke();
      }
    }
  };

  const choose = k => {
    chosen = chosen === k ? -1 : k;
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", at === chosen));
    draw();
  };
  const hover = (i, event) => {
    tip.hidden = i < 0;
    if (i >= 0) {
      tip.textContent = names[labels[i]];
      tip.style.left = event.pageX + "px";
      tip.style.top = event.pageY + "px";
    }
    if (i === hovered) return;
    hovered = i;
    draw();
  };
  const nearest = ({ canvas, places }, event) => {
    let [best, least] = [-1, 10 ** 2];
    for (let i = 0; i < labels.length; i++) {
      if (chosen >= 0 && labels[i] !== chosen) continue;
      const x = place(canvas, places[2 * i]) - event.offsetX;
      const y = place(canvas, places[2 * i + 1]) - event.offsetY;
      if (x * x + y * y < least) [best, least] = [i, x * x + y * y];
    }
    return best;
  };

  buttons.forEach((button, k) => button.addEventListener("click", () => choose(k)));
  for (const panel of panels) {
    const look = event => hover(nearest(panel, event), event);
    panel.canvas.addEventListener("pointermove", look);
    panel.canvas.addEventListener("pointerdown", look);
    panel.canvas.addEventListener("pointerleave", event => hover(-1, event));
    panel.canvas.addEventListener("click", event => {
      const i = nearest(panel, event);
      if (i >= 0 || chosen >= 0) choose(i < 0 ? chosen : labels[i]);
    });
  }
  box.addEventListener("keydown", event => { if (event.key === "Escape" && chosen >= 0) choose(chosen); });

  if (slider) {
    const name = () => {
      slider.nextSibling.textContent = titles[slider.value];
      slider.setAttribute("aria-valuetext", titles[slider.value]);
    };
    let gliding = 0;
    slider.addEventListener("input", () => { // the points glide from where they are to where they belong
      const from = panels[0].places, to = layouts[slider.value], started = performance.now();
      const lasting = stillness.matches ? 0 : 300;
      const glide = now => {
        const share = lasting ? Math.min(1, Math.max(0, now - started) / lasting) : 1;
        Object.assign(panels[0], laidOut(from.map((value, i) => value + share * (to[i] - value))));
        draw();
        if (share < 1) gliding = requestAnimationFrame(glide);
      };
      cancelAnimationFrame(gliding);
      gliding = requestAnimationFrame(glide);
      name();
    });
    name();
  }
  new ResizeObserver(draw).observe(panels[0].canvas);
  redraws.push(draw);
};

document.body.append(tip);
const near = new IntersectionObserver(boxes => {
  for (const { target: box, isIntersecting } of boxes) {
    if (!isIntersecting) continue;
    near.unobserve(box);
    if (box.dataset.points) openMap(box);
    else {
      const read = id => JSON.parse(document.getElementById(id).textContent);
      const [content, shared] = [box.dataset.content, "live-data"].map(read);
      for (const part of [...Object.values(content.networks).flat(), content.images]) part.data = shared[part.data];
      openLive(box, content);
    }
  }
}, { rootMargin: "100% 0px" });
for (const box of document.querySelectorAll(".map, .live")) {
  box.hidden = false;
  box.parentElement.classList.add("explored");
  near.observe(box);
}
showTheme();
document.querySelector(".switches").hidden = false;

// A box that can be scrolled further fades out at its right.
const boxes = document.querySelectorAll(".scroll, .formula, pre");
const fade = box => box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
const sizes = new ResizeObserver(changed => { for (const { target } of changed) fade(target); });
for (const box of boxes) {
  box.addEventListener("scroll", () => fade(box), { passive: true });
  sizes.observe(box);
}
