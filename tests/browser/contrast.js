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
  // a gradient counts as each of its colours: text may stand on any of them
  const backgrounds = (style) => {
    const stops = style.backgroundImage.match(/(rgba?|color|oklch|hsla?)\([^()]*\)/g) || [];
    const plain = parse(style.backgroundColor);
    const bare = stops.length === 0 || style.backgroundRepeat !== "repeat" ? [plain] : [];
    return [...bare, ...stops.map((stop) => over(parse(stop), plain))];
  };
  const painted = (element, colour) => {
    let pixels = [colour];
    for (let at = element; at; at = at.parentElement || (at.getRootNode().host ?? null)) {
      const style = getComputedStyle(at);
      const behind = backgrounds(style);
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
    const fronts = painted(element, parse(getComputedStyle(element).color));
    const backs = painted(element, [0, 0, 0, 0]);
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
