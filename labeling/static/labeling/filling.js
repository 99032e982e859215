/* Filling a field of the answer from words of the item: from a box drawn on a page, or from selected words. */
import {button, make} from "./parts.js";

const form = document.querySelector("form[data-label-form]");
const FILLED = "input:not([type=hidden]):not([type=radio]):not([type=checkbox]), textarea:not([data-marks])";
export const fields = () => Array.from(form?.querySelectorAll(`[data-answer] :is(${FILLED})`) ?? []).filter((field) => field.name);
const nameOf = (field) => field.labels?.[0]?.textContent.trim() || field.name;

export class Filler {
    constructor() {
        this.choice = make("select", {aria: {label: "Field to fill"}}, ...fields().map((field) => make("option", {value: field.name}, nameOf(field))));
        form.addEventListener("focusin", (event) => {
            if (fields().includes(event.target)) this.choice.value = event.target.name;
        });
    }

    fill(text, source) {
        const field = fields().find((one) => one.name === this.choice.value);
        const value = field && asValue(field, text.trim());
        if (!text.trim()) return source.say("There are no words in this place.");
        if (value === null) return source.say(`“${text.trim().slice(0, 60)}” does not go into “${nameOf(field)}”; type it.`);
        field.value = field.tagName === "TEXTAREA" && field.value.trim() ? `${field.value.trimEnd()}\n${value}` : value;
        field.dispatchEvent(new Event("input", {bubbles: true}));
        field.dispatchEvent(new Event("change", {bubbles: true}));
        source.say(`“${value.slice(0, 60)}” is in “${nameOf(field)}”.`);
    }
}

function asValue(field, text) {
    if (field.type === "number") return asNumber(text);
    if (field.type === "date") return /\d{4}-\d{2}-\d{2}/.exec(text)?.[0] ?? null;
    return field.tagName === "TEXTAREA" ? text : text.replace(/\s*\n\s*/g, " ");
}

// The last of comma and point stands before the cents; three digits behind the only one are thousands.
function asNumber(text) {
    const found = /-?\d[\d.,'\u00a0\u202f ]*/.exec(text)?.[0].replace(/['\s\u00a0\u202f]/g, "").replace(/[.,]+$/, "");
    if (!found) return null;
    const last = Math.max(found.lastIndexOf("."), found.lastIndexOf(","));
    const marks = found.replace(/[^.,]/g, "");
    const isThousands = marks.length && new Set(marks).size === 1 && (marks.length > 1 || (marks === "," && found.length - last === 4));
    if (last < 0 || isThousands) return found.replace(/[.,]/g, "");
    return `${found.slice(0, last).replace(/[.,]/g, "")}.${found.slice(last + 1)}`;
}

export function addReading(source, filler) {
    const panel = make("div", {className: "tool-bar", role: "group", aria: {label: "Fill a field from this page"}});
    const places = ["x", "y", "width", "height"].map((name) => make("input", {type: "number", min: 0, step: "any", name, aria: {label: name}, placeholder: name}));
    const typed = make("form", {className: "row typed-box"}, ...places, make("button", {type: "submit", className: "btn small"}, "Read this box"));
    typed.addEventListener("submit", (event) => {
        event.preventDefault();
        read(Object.fromEntries(places.map((one) => [one.name, one.value])));
    });
    const read = async (box) => {
        const told = await source.ask("wordsUrl", box);
        if (told) filler.fill(told.text, source);
    };
    const words = make("p", {className: "long-text", tabIndex: 0, data: {sourceText: source.name}});
    const whole = make("details", {}, make("summary", {}, "Words of the page"), words);
    whole.addEventListener("toggle", async () => {
        if (whole.open) words.textContent = (await source.ask("wordsUrl", {}))?.text || "This page holds no text, only a picture.";
    });
    source.root.addEventListener("drawn", () => { whole.open = false; });
    const hint = make("span", {className: "muted"}, "Draw a box on the page, or select words below it.");
    panel.append(make("label", {className: "row"}, "Fills ", filler.choice), hint);
    source.frame.before(panel);
    source.frame.after(make("details", {}, make("summary", {}, "Box by its place, in pixels"), typed), whole, selectionButton(source, filler));
    draw(source, read);
}

// From the words of a text that is shown.
export function addSelecting(source, filler) {
    source.root.append(make("label", {className: "row"}, "Fills ", filler.choice), selectionButton(source, filler), source.state);
}

function selectionButton(source, filler) {
    return button("Fill from the selected words", () => {
        const chosen = window.getSelection();
        const inside = chosen.anchorNode?.parentElement?.closest("[data-source-text]");
        filler.fill(inside ? chosen.toString() : "", source);
    }, {title: "Puts the selected words into the field (t)", data: {key: "t"}});
}

// A box drawn on a page is read and goes again; it is no part of the answer.
function draw(source, read) {
    let annotator = null;
    const start = () => {
        annotator?.destroy();
        annotator = window.Annotorious.createImageAnnotator(source.img, {drawingEnabled: true, drawingMode: "drag", userSelectAction: "NONE"});
        annotator.setDrawingTool("rectangle");
        annotator.on("createAnnotation", (made) => {
            const {x, y, w, h} = made.target.selector.geometry, [width, height] = source.size;
            const left = Math.max(x, 0), top = Math.max(y, 0);
            annotator.clearAnnotations();
            read({x: left, y: top, width: Math.min(x + w, width) - left, height: Math.min(y + h, height) - top});
        });
    };
    source.root.addEventListener("drawn", start);
    if (source.img.complete && source.img.naturalWidth) start();
}
