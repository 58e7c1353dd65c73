
"use strict";
// Everything a page shows is made by h() and visible(): text nodes and attributes, never markup from data.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// Characters that would be invisible or reorder the text are shown as their code.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
function visible(text) {
  const nodes = [];
  let end = 0;
  for (const match of String(text).replace(/\r\n/g, "\n").matchAll(CONTROL)) {
    const code = match[0].charCodeAt(0);
    if (nodes.length > 4000) break; // a text of nothing but control characters
    nodes.push(match.input.slice(end, match.index));
    const symbol = code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
    nodes.push(h("span", { class: "ctl", title: "a character that cannot be shown" }, symbol));
    end = match.index + match[0].length;
  }
  nodes.push(String(text).replace(/\r\n/g, "\n").slice(end).replace(CONTROL, "\u25af"));
  return nodes;
}

// A block of text; a long one is shown up to `limit` characters until it is asked for.
function block(text, style, limit = 1200) {
  text = String(text);
  const node = h("div", { class: style, dir: "auto" });
  if (text.length <= limit * 1.25) {
    node.append(...visible(text));
    return node;
  }
  const body = h("span", {}, visible(text.slice(0, limit)), "…");
  const button = h("button", { type: "button", class: "unroll", "aria-expanded": "false" });
  const label = () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.textContent = open ? "Show less" : `Show all ${text.length.toLocaleString("en")} characters`;
  };
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    body.replaceChildren(...visible(open ? text : text.slice(0, limit)), open ? "" : "…");
    label();
  });
  label();
  node.append(body, button);
  return node;
}

// JSON indented for reading; a short one, any other text, and JSON whose indentation would drown it, as it is.
function pretty(text) {
  if (text.length > 50000 || text.length < 64) return text;
  const status = text.match(/^Status Code: \d+\. Response: /)?.[0] || "";
  try {
    const value = JSON.parse(text.slice(status.length));
    if (value === null || typeof value !== "object") return text;
    const indented = JSON.stringify(value, null, 2);
    return indented.length < 4 * text.length + 200 ? status.trim() + (status && "\n") + indented : text;
  } catch {
    return text;
  }
}

function store(key, value) { // file:// pages of some browsers have no storage; the page works without it
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
    return value;
  } catch {
    return null;
  }
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}
setTheme(store("toolalpaca-theme"));
$("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme
    || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  setTheme(store("toolalpaca-theme", now === "dark" ? "light" : "dark") || (now === "dark" ? "light" : "dark"));
});
$("help").addEventListener("click", () => $("keys").showModal());
const typing = (event) => event.ctrlKey || event.metaKey || event.altKey
  || (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.key !== "Escape") || $("keys").open;
