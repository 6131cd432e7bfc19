// (html) => what is left of it on GitHub: the elements and attributes that html-pipeline, which GitHub published, lets
// through; and no caption, which its notebook view drops.
(html) => {
  const elements = `h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p ol ul table thead tbody
    tfoot blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details figure figcaption abbr bdo
    cite dfn mark small span time wbr`;
  const attributes = `href src longdesc abbr accept action align alt aria-describedby aria-hidden aria-label
    aria-labelledby axis border cellpadding cellspacing char charoff checked clear cols colspan color compact coords
    datetime dir disabled for frame headers height hreflang hspace id ismap label lang maxlength media method multiple name
    nowrap open readonly rel rev role rows rowspan rules scope selected shape size span start summary tabindex title type
    usemap valign value width itemprop itemscope itemtype cite`;
  DOMPurify.addHook("uponSanitizeAttribute", (element, attribute) => {
    if (attribute.attrName === "src" && attribute.attrValue.startsWith("data:")) attribute.keepAttr = false;
  });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: elements.split(/\s+/),
    ALLOWED_ATTR: attributes.split(/\s+/),
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}
