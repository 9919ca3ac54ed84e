// Texts that stand out too little: [contrast, element, text] of each with less than 4.5 to 1 (WCAG 2, AA).
() => {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255).map((each) => each <= .03928 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4)
    .reduce((all, each, place) => all + each * [.2126, .7152, .0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((each) => !["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(each.tagName) && each.checkVisibility?.()
    && [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  return texts.map((each) => {
    const style = getComputedStyle(each);
    const [one, other] = [light(parse(each instanceof SVGElement ? style.fill : style.color)), light(behind(each))];
    return [(Math.max(one, other) + .05) / (Math.min(one, other) + .05), each.tagName, each.textContent.trim().slice(0, 40)];
  }).filter(([ratio]) => ratio < 4.5);
}
