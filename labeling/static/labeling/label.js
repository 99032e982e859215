/* The labelling tool: ties the item, the marks and the fields together, and knows the keys. Ctrl+Enter saves from
   anywhere, 1 to 9 pick a class to mark with, or a choice where nothing is marked. Works without, by button. */
import {Draft} from "../governance/drafts.js";
import {addReading, addSelecting, fields, Filler} from "./filling.js";
import {isTyping, keysAllowed} from "./parts.js";
import {Shapes} from "./shapes.js";
import {compare, Source} from "./source.js";
import {Spans} from "./spans.js";

const OFFLINE = "Not sent: no connection. What you entered is kept; save again when there is one.";
const form = document.querySelector("form[data-label-form]");
const sources = new Map(), marks = [];
let last = null;  // the picture that keys speak of

// ---- the item ----------------------------------------------------------------------------
function showSources() {
    for (const root of document.querySelectorAll("[data-source]")) {
        const source = new Source(root);
        sources.set(source.name, source);
        if (!source.img) continue;
        last ??= source;
        root.addEventListener("pointerdown", () => { last = source; });
    }
}

function showMarks() {
    for (const field of form.querySelectorAll("[data-marks]")) {
        const {kind, column} = JSON.parse(field.dataset.marks);
        marks.push(new (kind === "boxes" ? Shapes : Spans)(field, sources.get(column)));
    }
}

function comparePictures(isMarked) {
    const pictures = [...sources.values()].filter((source) => source.img && !source.isPdf);
    if (pictures.length === 2) compare(...pictures.sort((one, other) => isMarked(other) - isMarked(one)));
}

// From the first PDF, else from the first text, that is not itself marked.
function fillFromWords(isMarked) {
    if (!fields().length) return;
    const free = [...sources.values()].filter((source) => !isMarked(source));
    const pdf = free.find((source) => source.isPdf && source.img), text = free.find((source) => source.isText);
    if (pdf) addReading(pdf, new Filler());
    else if (text) addSelecting(text, new Filler());
}

// ---- keys --------------------------------------------------------------------------------
function pick(number) {
    const classes = document.querySelectorAll("[data-class-key]");
    if (classes.length) return classes[number - 1]?.click();
    const choices = form.querySelectorAll("input[type=radio], [data-answer] input[type=checkbox]");
    choices[number - 1]?.click();
}

function onKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        return form.requestSubmit();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !keysAllowed()) return;
    const spot = document.querySelector(`.desk [data-key="${CSS.escape(event.key)}"]`);
    if (spot) spot.click();
    else if (/^[1-9]$/.test(event.key)) pick(Number(event.key));
    else if (![last, ...sources.values()].some((source) => source?.img && source.obey(event.key))) return;
    event.preventDefault();
}

// Before Annotorious, which has an undo of its own that also answers while somebody types.
function onMarkKey(event) {
    const isUndoing = (event.ctrlKey || event.metaKey) && ["z", "y"].includes(event.key.toLowerCase());
    if (isUndoing) event.stopPropagation();
    if (!marks.length || isTyping(event.target)) return;
    const active = marks.find((one) => one.selected !== null) ?? marks[0];
    if (isUndoing) {
        event.preventDefault();
        event.key.toLowerCase() === "y" || event.shiftKey ? active.redo() : active.undo();
    } else if (event.key === "Delete" && keysAllowed() && active.selected !== null) {
        event.preventDefault();
        active.remove(active.selected);
    }
}

// ---- saving ------------------------------------------------------------------------------
// Only once the server has the draft is the page left, so that a lost connection loses nothing.
function saveSafely() {
    const draft = new Draft(form);
    let isGoing = false, isAsking = false;
    form.addEventListener("submit", async (event) => {
        if (isGoing) return;
        if (event.submitter?.value === "discard") return navigator.onLine && draft.done();
        event.preventDefault();
        if (isAsking) return;
        isAsking = true;
        isGoing = await draft.save();
        isAsking = false;
        if (!isGoing) return draft.keepHere(OFFLINE);
        draft.done();
        form.requestSubmit(event.submitter);
    });
}

// What is entered in a part that one of the choices stands for chooses it, so that it is not left behind.
function chooseByEntering() {
    form.querySelectorAll("[data-chosen-by]").forEach((part) => part.addEventListener("input", () => {
        const choice = form.querySelector(`input[type=radio][value="${part.dataset.chosenBy}"]`);
        if (choice) choice.checked = true;
        part.open = true;
    }));
}

function start() {
    chooseByEntering();
    if (form.dataset.fileUrl) {
        showSources();
        showMarks();
        const marked = new Set(marks.map((one) => one.told.column)), isMarked = (source) => marked.has(source.name);
        comparePictures(isMarked);
        fillFromWords(isMarked);
        window.addEventListener("keydown", onMarkKey, {capture: true});
    }
    if (form.dataset.draftUrl) saveSafely();
    document.addEventListener("keydown", onKey);
}

if (form) start();
