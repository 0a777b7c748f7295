"use strict";
(() => {
  const { classes, images } = JSON.parse(document.getElementById("gallery").textContent);
  const find = (selector) => document.querySelector(selector);
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const percent = (value) => `${(100 * value).toFixed(1)}\u00a0%`;
  const namesOf = (image) => image.classes.map((k) => classes[k + 1].name).join(", ") || "no class";
  const TRUTH = "True mask";
  // The last thing that the run itself made of an image.
  const resultOf = ({ layers }) => layers.findLastIndex((layer) => layer.title !== TRUTH);
  const factsOf = (image) => [
    image.iou === null ? null : `IoU\u00a0${percent(image.iou)}`,
    image.ignored === null ? null : `ignored\u00a0${percent(image.ignored)}`,
  ].filter(Boolean).join(", ");

  // The grid of thumbnails -------------------------------------------------------------------------

  const filters = find("#filters").elements;
  const grid = find("#grid");
  const more = find("#more");
  const AT_ONCE = 240; // so many more thumbnails a time: thousands take a browser seconds
  let listed = [];

  const choices = (select, values) =>
    select.append(...values.map(([value, text]) => make("option", { value, textContent: text })));
  const titles = [...new Set(images.flatMap((image) => image.layers.map((layer) => layer.title)))];
  choices(filters.split, [...new Set(images.map((image) => image.split))].map((s) => [s, s]));
  choices(filters.class, classes.slice(1).map(({ name }, k) => [k, name]));
  choices(filters.overlay, titles.map((title) => [title, title]));

  // Images without the figure come last, whichever end is asked for.
  const byFigure = (key, sign) => (a, b) =>
    (a[key] === null) - (b[key] === null) || sign * (a[key] - b[key]);
  const orders = {
    best: byFigure("iou", -1), worst: byFigure("iou", 1), ignored: byFigure("ignored", -1),
  };

  function thumbnail(image, number) {
    const over = filters.overlay.value === "result"
      ? image.layers[resultOf(image)]
      : image.layers.find((layer) => layer.title === filters.overlay.value);
    const pictures = [image.photo, over?.source].filter(Boolean)
      .map((src) => make("img", { loading: "lazy", alt: "", src })); // lazy only if said before src
    const button = make("button", { type: "button", onclick: () => open(number) },
      make("span", { className: "thumb" }, ...pictures),
      make("span", { className: "caption" },
        make("strong", { textContent: namesOf(image) }), make("br"), factsOf(image)));
    button.setAttribute("aria-label",
      `Image ${image.id}, ${image.split}: ${namesOf(image)}. ${factsOf(image)}`);
    return make("li", {}, button);
  }

  function list() {
    const kept = images.filter((image) =>
      (!filters.split.value || image.split === filters.split.value) &&
      (!filters.class.value || image.classes.includes(Number(filters.class.value))));
    const order = orders[filters.order.value];
    listed = order ? [...kept].sort(order) : kept;
    filters.count.value = `${listed.length} image${listed.length === 1 ? "" : "s"}`;
    grid.replaceChildren();
    showMore();
  }

  function showMore() {
    const shown = grid.children.length;
    const next = listed.slice(shown, shown + AT_ONCE);
    grid.append(...next.map((image, place) => thumbnail(image, shown + place)));
    const left = listed.length - shown - next.length;
    more.hidden = !left;
    more.textContent = `Show ${Math.min(left, AT_ONCE)} more`;
    return grid.children[shown];
  }

  // The viewer of one image ------------------------------------------------------------------------

  const viewer = find("#viewer");
  const stage = find("#stage");
  const picture = find("#picture");
  const input = (name) => viewer.querySelector(`[name="${name}"]`);
  const state = { number: 0, step: 0, other: null, zoom: 1, x: 0, y: 0, point: null };
  // Titles of layers that were asked for: kept for every image that has them.
  const asked = { step: null, other: null };
  const current = () => listed[state.number];
  const isSmooth = (layer) => layer.title === "CAM" || layer.title === "Saliency";

  function placeOf(title) {
    const place = current().layers.findIndex((layer) => layer.title === title);
    return place < 0 ? null : place;
  }

  function open(number) {
    Object.assign(state, { number, zoom: 1, x: 0, y: 0, point: null });
    state.step = placeOf(asked.step) ?? resultOf(current());
    state.other = placeOf(asked.other);
    fill();
    if (!viewer.open) viewer.showModal();
    fit();
    draw();
  }

  function fill() {
    const image = current();
    find("#viewer-title").textContent = `${image.id}: ${namesOf(image)}`;
    find("#facts").textContent =
      [`${image.split}, ${image.width} × ${image.height} pixels`, factsOf(image)].filter(Boolean).join(", ");
    find("#photo").src = image.photo;
    // What is replaced or disabled while it has the focus would take the keyboard with it.
    const held = document.activeElement;
    const isLost = find("#steps").contains(held) || (held === find("#affinity") && !image.affinity);
    input("step").max = Math.max(0, image.layers.length - 1);
    find("#steps").replaceChildren(...image.layers.map(({ title }, step) =>
      make("button", { type: "button", textContent: title, onclick: () => go(step) })));
    input("other").replaceChildren(make("option", { value: "", textContent: "nothing" }));
    choices(input("other"), image.layers.map(({ title }, step) => [step, title]));
    find("#affinity").disabled = !image.affinity;
    if (isLost) stage.focus();
    find("#legend").replaceChildren(...image.present.map((k) => {
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = classes[k].color;
      return make("li", {}, swatch, classes[k].name);
    }));
  }

  function fit() {
    const { width, height } = current();
    const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    picture.style.width = `${width * scale}px`;
    picture.style.height = `${height * scale}px`;
    find("#swipe").style.width = picture.style.width;
  }

  function draw() {
    const image = current();
    const layer = image.layers[state.step];
    const other = state.other === null ? null : image.layers[state.other];
    const isLayered = input("layers").checked && !state.point;
    const meet = find("#swipe").value / 10;
    show(find("#layer"), isLayered && layer, other && `inset(0 ${100 - meet}% 0 0)`);
    show(find("#other"), isLayered && other, `inset(0 0 0 ${meet}%)`);
    find("#swipe").hidden = find("#meeting").hidden = !(isLayered && other);
    find("#meeting").style.left = `${meet}%`;
    picture.toggleAttribute("data-smooth", Boolean(layer && isSmooth(layer)));
    picture.toggleAttribute("data-smooth-other", Boolean(other && isSmooth(other)));
    find("#photo").style.opacity = input("photo").checked ? 1 : 0;
    picture.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.zoom})`;
    stage.toggleAttribute("data-zoomed", state.zoom > 1);
    input("step").value = state.step;
    input("other").value = state.other ?? "";
    input("layers").disabled = Boolean(state.point);
    const name = layer ? layer.title : "no layer";
    input("step").setAttribute("aria-valuetext", name);
    find("#step-name").value = other ? `${name} | ${other.title}` : name;
    picture.setAttribute("aria-label", `${image.id}: ${isLayered ? name : state.point ? "affinity" : "photograph"}`);
    [...find("#steps").children].forEach((chip, step) => chip.setAttribute("aria-pressed", step === state.step));
    drawAffinity();
  }

  function show(element, layer, clip) {
    element.hidden = !layer;
    if (!layer) return;
    element.src = layer.source;
    element.style.opacity = input("opacity").value / 100;
    element.style.clipPath = clip || "none";
  }

  function go(step) {
    const { layers } = current();
    state.step = Math.min(Math.max(step, 0), layers.length - 1);
    asked.step = layers[state.step]?.title ?? null;
    state.point = null;
    draw();
  }

  function walk(by) {
    const next = state.number + by;
    if (next >= 0 && next < listed.length) open(next);
  }

  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const before = state.zoom;
    state.zoom = factor ? Math.min(Math.max(before * factor, 1), 16) : 1;
    if (state.zoom === 1) Object.assign(state, { x: 0, y: 0 });
    else {
      // The place under (x, y) stays where it is.
      const left = x - (stage.clientWidth - picture.offsetWidth) / 2;
      const top = y - (stage.clientHeight - picture.offsetHeight) / 2;
      state.x = left - (left - state.x) * (state.zoom / before);
      state.y = top - (top - state.y) * (state.zoom / before);
    }
    draw();
  }

  // The affinity of a point ------------------------------------------------------------------------

  const decoded = new Map();

  async function rowsOf(affinity) {
    if (!decoded.has(affinity)) {
      const image = make("img", { src: affinity.source });
      await image.decode();
      const canvas = make("canvas", { width: image.width, height: image.height });
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      decoded.set(affinity, context.getImageData(0, 0, image.width, image.height));
    }
    return decoded.get(affinity);
  }

  // The query whose position is nearest to a place, which is a share of the picture's side.
  function nearest({ grid, queries, first, step }, axis, share) {
    const query = Math.round((share * grid[axis] - 0.5 - first[axis]) / step);
    return Math.min(Math.max(query, 0), queries[axis] - 1);
  }

  async function drawAffinity() {
    const { affinity } = current();
    const { point } = state;
    const heat = find("#heat");
    const isOn = Boolean(affinity && point);
    heat.hidden = find("#point").hidden = !isOn;
    picture.toggleAttribute("data-asked", isOn);
    find("#affinity").setAttribute("aria-pressed", isOn);
    find("#affinity-says").textContent = !affinity ? "" : isOn
      ? `What the network averages with the position at ${percent(point.x)} from the left, ` +
        `${percent(point.y)} from the top: the brighter, the more.`
      : "Click into the picture: which positions the network averages with that one.";
    if (!isOn) return;
    const [rows, columns] = affinity.keys;
    const query = nearest(affinity, 0, point.y) * affinity.queries[1] + nearest(affinity, 1, point.x);
    const values = await rowsOf(affinity);
    if (state.point !== point) return;
    Object.assign(heat, { width: columns, height: rows });
    const pixels = new ImageData(columns, rows);
    for (let key = 0; key < rows * columns; key++) {
      const value = values.data[4 * (query * rows * columns + key)];
      pixels.data.set([255, 210 * (value / 255), 0, 0.85 * value], 4 * key);
    }
    heat.getContext("2d").putImageData(pixels, 0, 0);
    // The last row and column of keys may reach beyond the picture.
    const [high, wide] = affinity.keys.map((count, axis) => count * affinity.pool / affinity.grid[axis]);
    Object.assign(heat.style, { width: `${100 * wide}%`, height: `${100 * high}%` });
    heat.style.clipPath = `inset(0 ${100 - 100 / wide}% ${100 - 100 / high}% 0)`;
    Object.assign(find("#point").style, { left: `${100 * point.x}%`, top: `${100 * point.y}%` });
    find("#point").style.transform = `scale(${1 / state.zoom})`;
  }

  function ask(x, y) {
    if (!current().affinity) return;
    const within = (value) => Math.min(Math.max(value, 0), 0.999);
    state.point = { x: within(x), y: within(y) };
    draw();
  }

  // What people do ---------------------------------------------------------------------------------

  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.id === "swipe" || !event.isPrimary || event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, left: state.x, top: state.y, moved: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag || !event.isPrimary) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(x, y) > 4;
    if (drag.moved && state.zoom > 1) {
      Object.assign(state, { x: drag.left + x, y: drag.top + y });
      draw();
    }
  });
  stage.addEventListener("pointerup", (event) => {
    if (!event.isPrimary) return;
    if (drag && !drag.moved) {
      const box = picture.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      if (x >= 0 && x <= 1 && y >= 0 && y <= 1) ask(x, y);
    }
    drag = null;
  });
  // The browser took the movement over, to scroll the page by touch.
  stage.addEventListener("pointercancel", () => { drag = null; });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!event.deltaY) return;
    const box = stage.getBoundingClientRect();
    // A notch of a mouse's wheel is about 100; trackpads send many small steps.
    const factor = Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 450);
    zoom(factor, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  viewer.addEventListener("click", ({ target }) => {
    if (target.dataset.go) walk(Number(target.dataset.go));
    if (target.dataset.zoom) zoom(Number(target.dataset.zoom));
    if ("close" in target.dataset) viewer.close();
  });
  find("#affinity").addEventListener("click", () => {
    if (!state.point) return ask(0.5, 0.5);
    state.point = null;
    draw();
  });
  input("step").addEventListener("input", () => go(Number(input("step").value)));
  input("other").addEventListener("change", ({ target }) => {
    state.other = target.value === "" ? null : Number(target.value);
    asked.other = current().layers[state.other]?.title ?? null;
    state.point = null;
    draw();
  });
  for (const control of [input("opacity"), input("layers"), input("photo"), find("#swipe")]) {
    control.addEventListener("input", draw);
  }

  const keys = {
    ArrowLeft: () => go(state.step - 1), ArrowRight: () => go(state.step + 1),
    ArrowUp: () => walk(-1), ArrowDown: () => walk(1),
    "+": () => zoom(1.25), "-": () => zoom(0.8), 0: () => zoom(0),
    " ": () => input("layers").click(),
  };
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  viewer.addEventListener("keydown", (event) => {
    // The browser keeps its own shortcuts, and a control that has the focus its keys.
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { target, key } = event;
    if (target.matches("select, input[type=range]")) return;
    if (target.matches("button, input") && key === " ") return;
    const move = event.shiftKey && state.point && moves[event.key];
    if (move) {
      const { grid: [rows, columns], step } = current().affinity;
      ask(state.point.x + move[0] * step / columns, state.point.y + move[1] * step / rows);
    } else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  addEventListener("resize", () => { if (viewer.open) { fit(); draw(); } });
  find("#filters").addEventListener("input", list);
  more.addEventListener("click", () => showMore().querySelector("button").focus());
  find("#filters").addEventListener("submit", (event) => event.preventDefault());
  list();
})();
