// (root) => every visible piece of text under it: what it says, both its colours as they are painted, their contrast.
// Painted means: half-transparent colours lie over what is behind them, up to the page, and `opacity` fades both.
(root) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = "#000";
    canvas.fillStyle = colour;
    const hex = canvas.fillStyle;
    if (hex.startsWith("#")) return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).concat(1);
    if (hex.startsWith("rgba(")) return hex.match(/[\d.]+/g).map(Number);
    canvas.fillRect(0, 0, 1, 1); // color() and its kin
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => {
    const alpha = top[3] + below[3] * (1 - top[3]);
    if (alpha === 0) return [0, 0, 0, 0];
    return [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / alpha).concat(alpha);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  // the stripes of a gradient from left to right, in pixels, as (colour, left, top, right, bottom)
  const stripes = (element, style) => {
    const box = element.getBoundingClientRect();
    const [wide, high = "auto"] = style.backgroundSize.split(" ");
    const length = (size, whole) => (size === "auto" ? whole : size.endsWith("%") ? (whole * parseFloat(size)) / 100 : parseFloat(size));
    const repeated = style.backgroundRepeat === "repeat";
    const [width, height] = repeated ? [box.width, box.height] : [length(wide, box.width), length(high, box.height)];
    const [x, y] = style.backgroundPosition.split(" ").map((at) => parseFloat(at) / 100);
    const [left, top] = [box.left + x * (box.width - width), box.top + y * (box.height - height)];
    const stops = [...style.backgroundImage.matchAll(/(rgba?\([^()]*\)) ([\d.]+)%/g)].map((stop) => [parse(stop[1]), +stop[2]]);
    if (!stops.length || !style.backgroundImage.startsWith("linear-gradient(90deg, ")) return null;
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const spans = [[first, 0, first[1]], [last, last[1], 100]];
    stops.slice(1).forEach((stop, i) => spans.push([stops[i], stops[i][1], stop[1]], [stop, stops[i][1], stop[1]]));
    return spans.map(([[colour], begin, end]) => [
      colour, left + (width * begin) / 100, top, left + (width * end) / 100, top + height,
    ]);
  };
  // what may be behind a text's boxes: each colour of a gradient that reaches one of them, or the plain background.
  // A stripe narrower than a stroke of a letter is a line, which hides none.
  const backgrounds = (element, style, boxes) => {
    const plain = parse(style.backgroundColor);
    if (style.backgroundImage === "none") return [plain];
    const found = stripes(element, style);
    const touches = ([, left, top, right, bottom]) =>
      right - left > 3 && boxes.some((box) => box.left < right && box.right > left && box.top < bottom - 0.5 && box.bottom > top + 0.5);
    const colours = found
      ? found.filter(touches).map(([colour]) => colour)
      : (style.backgroundImage.match(/(rgba?|color|oklch|hsla?)\([^()]*\)/g) || []).map(parse);
    const layers = colours.map((colour) => over(colour, plain));
    return layers.length && style.backgroundRepeat === "repeat" ? layers : [plain, ...layers];
  };
  const painted = (element, colour, boxes) => {
    let pixels = [colour];
    for (let at = element; at; at = at.parentElement || (at.getRootNode().host ?? null)) {
      const style = getComputedStyle(at);
      const behind = backgrounds(at, style, boxes);
      pixels = pixels.flatMap((pixel) => behind.map((paint) => over(pixel, paint)));
      pixels = pixels.map((pixel) => pixel.slice(0, 3).concat(pixel[3] * Number(style.opacity)));
    }
    return pixels.map((pixel) => over(pixel, bottom));
  };
  const page = document.documentElement.appendChild(document.createElement("span"));
  page.style.backgroundColor = "Canvas"; // what the browser paints behind a page that paints nothing itself
  const bottom = parse(getComputedStyle(page).backgroundColor);
  page.remove();
  const found = [];
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const element = text.parentElement;
    const shown = element.checkVisibility({ opacityProperty: false, visibilityProperty: true });
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (!text.data.trim() || !shown || box.width <= 1 || box.height <= 1) continue;
    const boxes = [...range.getClientRects()];
    const fronts = painted(element, parse(getComputedStyle(element).color), boxes);
    const backs = painted(element, [0, 0, 0, 0], boxes);
    const ratios = fronts.map((front, i) => contrast(front, backs[i]));
    const worst = ratios.indexOf(Math.min(...ratios));
    const words = (colour) => colour.slice(0, 3).map(Math.round);
    found.push({
      text: text.data.trim().slice(0, 80),
      color: words(fronts[worst]),
      background: words(backs[worst]),
      contrast: ratios[worst],
    });
  }
  return found;
}
