"use strict";
// Figures to work: networks that were trained with PyTorch, run here. See live.py, which packs them.

// A tensor is {values, channels, side}: channels come last, the side of a vector is 1.
const tensor = (values, channels = 1, side = 28) => ({ values, channels, side });

// A function that multiplies the `from` values of a place by their rows of weights and adds up, in the same array at
// every call. What is zero, as most of an image and half of what ReLU leaves is, adds nothing. Four rows are taken at a
// time, as to fetch and store a sum takes longer than to add to it. Numbers of 64 bits spare their conversions.
const multiplier = (values, from, weights, width) => {
  const sums = new Float64Array(width);
  const seen = new Float64Array(from + 3), rows = new Int32Array(from + 3); // three more, to fill the last four up
  return place => {
    let count = 0;
    for (let i = 0; i < from; i++) {
      const value = values[place * from + i];
      if (value !== 0) seen[count] = value, rows[count++] = i * width;
    }
    seen.fill(0, count, count + 3);
    sums.fill(0);
    for (let k = 0; k < count; k += 4) {
      const a = seen[k], b = seen[k + 1], c = seen[k + 2], d = seen[k + 3];
      let p = rows[k], q = rows[k + 1], r = rows[k + 2], s = rows[k + 3];
      for (let o = 0; o < width; o++, p++, q++, r++, s++) {
        sums[o] += a * weights[p] + b * weights[q] + c * weights[r] + d * weights[s];
      }
    }
    return sums;
  };
};

const dense = ({ values }, { from, to, weights, bias }) => {
  const sums = multiplier(values, from, weights, to)(0);
  return tensor(sums.map((sum, o) => sum + bias[o]), to, 1);
};

// A convolution of 3 x 3 with edges of zeros. A place is multiplied by all of the filters at once, and the products are
// added where they are seen. In a map that is enlarged first a place stands `times` x `times`, but is multiplied once.
const convolve = ({ values, side }, { from, to, stride, times, weights, bias }) => {
  const whole = times * side, size = Math.ceil(whole / stride);
  const sums = new Float64Array(size * size * to), multiply = multiplier(values, from, weights, 9 * to);
  for (let at = 0; at < sums.length; at += to) sums.set(bias, at);
  for (let place = 0; place < side * side; place++) {
    const products = multiply(place), left = place % side * times, top = (place - place % side) / side * times;
    for (let y = top; y < top + times; y++) for (let row = 0; row < 3; row++) {
      const v = y + 1 - row;
      if (v < 0 || v >= whole || v % stride) continue;
      for (let x = left; x < left + times; x++) for (let column = 0; column < 3; column++) {
        const u = x + 1 - column;
        if (u < 0 || u >= whole || u % stride) continue;
        let s = (v / stride * size + u / stride) * to, p = (row * 3 + column) * to;
        for (const end = p + to; p < end; s++, p++) sums[s] += products[p];
      }
    }
  }
  return tensor(sums, to, size);
};

const each = change => (x, step) => ({ ...x, values: x.values.map((value, i) => change(value, i, step)) });
const STEPS = {
  dense,
  convolve,
  normalise: each((value, i, { to, weights, bias }) => value * weights[i % to] + bias[i % to]),
  relu: each(value => Math.max(0, value)),
  sigmoid: each(value => 1 / (1 + Math.exp(-value))),
  clip: each(value => Math.min(1, Math.max(0, value))),
  softmax: x => {
    const most = Math.max(...x.values);
    const powers = x.values.map(value => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b);
    return { ...x, values: powers.map(power => power / sum) };
  },
  pool: ({ values, channels, side }, { whole }) => { // the largest of 2 x 2; an odd rest is dropped, or stands alone
    const size = whole ? Math.floor(side / 2) : Math.ceil(side / 2);
    const found = new Float32Array(size * size * channels).fill(-Infinity);
    for (let y = 0; y < Math.min(side, 2 * size); y++) for (let x = 0; x < Math.min(side, 2 * size); x++) {
      let from = (y * side + x) * channels, to = ((y >> 1) * size + (x >> 1)) * channels;
      for (const end = from + channels; from < end; from++, to++) found[to] = Math.max(found[to], values[from]);
    }
    return tensor(found, channels, size);
  },
  crop: ({ values, channels, side }, { side: size }) => {
    const edge = (side - size) >> 1, kept = new Float32Array(size * size * channels);
    for (let y = 0; y < size; y++) {
      const from = ((y + edge) * side + edge) * channels;
      kept.set(values.subarray(from, from + size * channels), y * size * channels);
    }
    return tensor(kept, channels, size);
  },
};
const run = (network, values) => network.reduce((x, step) => STEPS[step.op](x, step), tensor(values)).values;

// The numbers that live.py has packed, one array after the other.
const unsqueeze = async text => {
  const packed = new Blob([Uint8Array.from(atob(text), letter => letter.charCodeAt(0))]);
  const buffer = await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  let at = 0;
  return (count, Kind) => {
    const start = at;
    at += count * Kind.BYTES_PER_ELEMENT;
    return new Kind(buffer.slice(start, at));
  };
};
const CELLS = { dense: 1, convolve: 9 };
const fill = async ({ steps, data }) => {
  const take = await unsqueeze(data);
  const floats = count => take(count, Float32Array);
  return steps.map(step => {
    if (step.op === "normalise") return { ...step, weights: floats(step.to), bias: floats(step.to) };
    if (!CELLS[step.op]) return step;
    const whole = take(CELLS[step.op] * step.from * step.to, Int8Array), scale = floats(step.to);
    const weights = Float64Array.from(whole, (weight, i) => weight * scale[i % step.to]);
    return { ...step, weights, bias: floats(step.to) };
  });
};
const unpack = async ({ networks, images: { labels, data }, settings }) => {
  const join = async parts => (await Promise.all(parts.map(fill))).flat();
  const filled = await Promise.all(Object.values(networks).map(join));
  const take = await unsqueeze(data);
  const images = labels.map(() => Float32Array.from(take(784, Uint8Array), byte => byte / 255));
  const names = Object.keys(networks);
  return { networks: Object.fromEntries(names.map((name, k) => [name, filled[k]])), images, labels, settings };
};

// What is drawn on a large field [side x side] as MNIST has it: the ink fitted into 20 x 20 pixels, its centre of mass
// in the middle of 28 x 28 (LeCun et al. 1998).
const centred = (ink, side) => {
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] === 0) continue;
    const x = i % side, y = (i - x) / side;
    left = Math.min(left, x), right = Math.max(right, x), top = Math.min(top, y), bottom = Math.max(bottom, y);
  }
  const image = new Float32Array(784);
  if (right < 0) return image;
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1); // pixels of the image in one of the field
  let [sum, sumX, sumY] = [0, 0, 0];
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
    const value = ink[y * side + x];
    sum += value, sumX += value * (x + 0.5), sumY += value * (y + 0.5);
  }
  const share = (from, to, cell) => Math.max(0, Math.min(to, cell + 1) - Math.max(from, cell));
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
    const value = ink[y * side + x];
    if (value === 0) continue;
    const [x0, y0] = [14 + (x - sumX / sum) * scale, 14 + (y - sumY / sum) * scale];
    for (let v = Math.floor(y0); v < y0 + scale; v++) for (let u = Math.floor(x0); u < x0 + scale; u++) {
      if (u < 0 || v < 0 || u > 27 || v > 27) continue;
      image[v * 28 + u] += value * share(x0, x0 + scale, u) * share(y0, y0 + scale, v);
    }
  }
  return image.map(value => Math.min(1, value));
};

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

// A small image on a canvas, ink dark.
const picture = name => {
  const canvas = element("canvas", { width: 28, height: 28, role: "img", "aria-label": name });
  const pen = canvas.getContext("2d", { willReadFrequently: true }), pixels = pen.createImageData(28, 28);
  const show = (values, told = name) => {
    values.forEach((value, i) => pixels.data.set([0, 0, 0, Math.round(255 * value)], 4 * i));
    pen.putImageData(pixels, 0, 0);
    canvas.setAttribute("aria-label", told);
  };
  return { box: element("figure", {}, canvas, element("figcaption", {}, name)), show };
};

const slider = (name, least, most, step, change) => {
  const input = element("input", { type: "range", min: least, max: most, step, value: least });
  const box = element("label", {}, element("span", {}, name), input);
  input.addEventListener("input", () => change(Number(input.value)));
  return { box, input };
};

// A field to draw a digit on, by mouse, finger or pen; `change` gets the image [784] at every stroke.
const field = change => {
  const side = 140, canvas = element("canvas", { className: "field", width: side, height: side, role: "img" });
  canvas.setAttribute("aria-label", "A field to draw a digit on");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: 12, lineCap: "round", lineJoin: "round" });
  const place = event => [event.offsetX, event.offsetY].map(value => value * side / canvas.clientWidth);
  const told = () => {
    const { data } = pen.getImageData(0, 0, side, side);
    change(centred(Float32Array.from({ length: side * side }, (_, i) => data[4 * i + 3] / 255), side));
  };
  const clear = () => pen.clearRect(0, 0, side, side);
  let last = null;
  const draw = event => {
    if (!last) return;
    const next = place(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    last = next;
    told();
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
  });
  canvas.addEventListener("pointermove", draw);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  const load = image => {
    const small = new OffscreenCanvas(28, 28), pixels = new ImageData(28, 28);
    image.forEach((value, i) => pixels.data.set([0, 0, 0, 255 * value], 4 * i));
    small.getContext("2d").putImageData(pixels, 0, 0);
    clear();
    pen.drawImage(small, 0, 0, side, side);
  };
  const button = element("button", { type: "button" }, "Clear");
  button.addEventListener("click", () => { clear(); told(); });
  return { box: element("div", {}, canvas, button), load };
};

// A field to draw on, and a slider through the test images; `change` gets every image.
const chooser = (images, labels, change) => {
  const drawn = field(change);
  const load = i => {
    drawn.load(images[i]);
    input.setAttribute("aria-valuetext", `number ${i + 1}, a ${labels[i]}`);
    change(images[i]);
  };
  const { box, input } = slider("Test image", 0, images.length - 1, 1, load);
  return { box: element("div", {}, drawn.box, box), input, load };
};

const group = (name, ...children) =>
  element("div", { role: "group", "aria-label": name }, element("p", {}, name), ...children);
const percent = value => (100 * value).toFixed(0) + " %";
const distance = (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

// A digit, its code, and what is made of it.
const digit = (box, { networks, images, labels }) => {
  const codes = images.map(image => run(networks.encoder, image));
  const range = codes[0].map((_, k) => Math.max(...codes.map(code => Math.abs(code[k]))));
  const restored = picture("by the network"), linear = picture("by PCA");
  const nearest = Array.from({ length: 5 }, () => picture("nearest"));
  const told = element("p", { role: "status" });
  const chances = Array.from({ length: 10 }, (_, k) => {
    const bar = element("span", { className: "bar" }), text = element("span", {});
    return { row: element("li", {}, `${k}`, element("span", { className: "track" }, bar), text), bar, text };
  });
  let code = codes[0];

  const decode = () => {
    restored.show(run(networks.decoder, code));
    const likely = run(networks.classifier, code);
    likely.forEach((share, k) => {
      chances[k].bar.style.width = 100 * share + "%";
      chances[k].text.textContent = percent(share);
    });
    const order = codes.map((other, i) => [distance(code, other), i]).sort((a, b) => a[0] - b[0]);
    nearest.forEach(({ show, box: { lastChild } }, k) => {
      const i = order[k][1];
      show(images[i], `a test image of a ${labels[i]}`);
      lastChild.textContent = labels[i];
    });
    const best = likely.indexOf(Math.max(...likely));
    told.textContent = `The code reads as ${best}, with ${percent(likely[best])}.`;
  };
  const numbers = Array.from(code, (_, k) => slider(`${k + 1}`, -1.5, 1.5, 0.01, value => {
    code = Float32Array.from(code, (old, j) => (j === k ? value * range[k] : old));
    decode();
  }));
  const setCode = next => {
    code = next;
    numbers.forEach(({ input }, k) => { input.value = code[k] / range[k]; });
    decode();
  };
  const see = image => {
    linear.show(run(networks["PCA decoder"], run(networks["PCA encoder"], image)));
    setCode(run(networks.encoder, image));
  };

  const drawn = chooser(images, labels, image => {
    walk.input.value = 0;
    see(image);
  });
  const second = slider("Walk to", 0, images.length - 1, 1, i => {
    second.input.setAttribute("aria-valuetext", `number ${i + 1}, a ${labels[i]}`);
    goal.show(images[i], `a test image of a ${labels[i]}`);
    step(Number(walk.input.value));
  });
  const goal = picture("the goal");
  const step = share => {
    const [from, to] = [codes[drawn.input.value], codes[second.input.value]];
    walk.input.setAttribute("aria-valuetext", percent(share) + " of the way");
    setCode(from.map((value, k) => value + share * (to[k] - value)));
  };
  const walk = slider("Way", 0, 1, 0.01, step);
  const mixer = element("div", { className: "numbers" }, ...numbers.map(n => n.box));
  box.append(
    element("div", {}, drawn.box, second.box, walk.box),
    group("What is made of it", element("div", { className: "pictures" }, restored.box, linear.box, goal.box),
      element("ul", { className: "chances" }, ...chances.map(({ row }) => row))),
    group("The numbers of its code", mixer, element("p", {}, "Test images with the nearest codes"),
      element("div", { className: "pictures nearest" }, ...nearest.map(n => n.box))),
    told,
  );
  second.input.value = Math.min(1, images.length - 1);
  goal.show(images[second.input.value]);
  drawn.load(0);
};

// The noise of helpers/data.py, always from the same source of chance: only kind and level change.
const NOISE = {
  gaussian: (value, level, chance) => {
    const normal = Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance()); // Box and Muller (1958)
    return Math.min(1, Math.max(0, value + level * normal));
  },
  masking: (value, level, chance) => (chance() < level ? 0 : value),
  salt_and_pepper: (value, level, chance) => {
    const drawn = chance();
    return drawn < level ? Number(drawn < level / 2) : value;
  },
};
const source = seed => () => { // Mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

// A digit under noise, and what every network makes of it.
const denoising = (box, { networks, images, labels, settings }) => {
  const noisy = picture("noisy"), told = element("p", { role: "status" });
  const restored = Object.entries(networks).map(([name, network]) => ({ network, ...picture(name) }));
  let image = images[0];
  const choice = element("select", {}, ...settings.kinds.map(kind =>
    element("option", { value: kind, selected: kind === settings.kind }, kind.replaceAll("_", " "))));
  let waiting = 0;
  const show = () => {
    const chance = source(1), level = Number(amount.input.value);
    const seen = image.map(value => NOISE[choice.value](value, level, chance));
    noisy.show(seen);
    for (const { network, show: draw } of restored) draw(run(network, seen));
    const words = `${choice.value.replaceAll("_", " ")} noise, level ${level.toFixed(2)}`;
    amount.input.setAttribute("aria-valuetext", words);
    told.textContent = words[0].toUpperCase() + words.slice(1) + ".";
  };
  const soon = () => { // once before the next picture on the screen, however many strokes there were
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(show);
  };
  const amount = slider("Level", 0, 1, 0.05, soon);
  amount.input.value = settings.level;
  choice.addEventListener("change", soon);
  const drawn = chooser(images, labels, next => { image = next; soon(); });
  box.append(
    element("div", {}, drawn.box, element("label", {}, element("span", {}, "Noise"), choice), amount.box),
    group("What is made of it",
      element("div", { className: "pictures" }, noisy.box, ...restored.map(each => each.box))),
    told,
  );
  drawn.load(0);
};

// The codes of two numbers of test images, and where that of a digit lies among them.
const planes = (box, { networks, images, labels, settings }) => {
  const told = element("p", { role: "status" });
  const panels = Object.entries(settings.points).map(([name, points]) => {
    const canvas = element("canvas", { className: "plane", width: 300, height: 300, role: "img" });
    canvas.setAttribute("aria-label", `Codes, ${name}`);
    const axes = [0, 1].map(k => points.map(point => point[k]));
    const [least, most] = [axes.map(axis => Math.min(...axis)), axes.map(axis => Math.max(...axis))];
    const spread = Math.max(most[0] - least[0], most[1] - least[1]);
    const place = (value, k) => {
      const share = 0.5 + 0.92 * (value - (least[k] + most[k]) / 2) / spread;
      return 300 * Math.min(0.99, Math.max(0.01, k ? 1 - share : share)); // what lies outside stays in sight
    };
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const dot = ([x, y], radius, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(place(x, 0), place(y, 1), radius, 0, 7);
      pen.fill();
    };
    const show = code => {
      pen.clearRect(0, 0, 300, 300);
      points.forEach((point, i) => dot(point, 1.5, settings.colours[settings.labels[i]]));
      dot(code, 7, "#000000");
      dot(code, 4, "#ffffff");
    };
    return { name, show, box: element("figure", {}, canvas, element("figcaption", {}, name)) };
  });
  const drawn = chooser(images, labels, image => {
    const words = panels.map(({ name, show }) => {
      const code = run(networks[name], image);
      show(code);
      const likely = run(networks[`${name}, classes`], code), best = likely.indexOf(Math.max(...likely));
      return `${name}: (${code[0].toFixed(1)}, ${code[1].toFixed(1)}) reads as ${best}, with ${percent(likely[best])}`;
    });
    told.textContent = words.join("; ") + ".";
  });
  const key = settings.colours.map((colour, k) => {
    const dot = element("span", { className: "dot" });
    dot.style.background = colour;
    return element("li", {}, dot, `${k}`);
  });
  box.append(
    element("div", {}, drawn.box, element("ul", { className: "key" }, ...key)),
    ...panels.map(panel => panel.box),
    told,
  );
  drawn.load(0);
};

const KINDS = { digit, denoising, planes };
const openLive = async (box, content) => KINDS[content.kind](box, await unpack(content));
