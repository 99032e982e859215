/* Marks of an answer: drawn on the picture or selected in the text, and typed in a table beside it, which is the way
   without a mouse. All of them are kept as JSON in one field of the form. Here is what boxes and spans share. */
import {button, make} from "./parts.js";

const HISTORY = 200;

export class Marks {
    constructor(field, source) {
        this.field = field;
        this.told = JSON.parse(field.dataset.marks);
        this.source = source;
        this.records = this.read();
        this.past = [];
        this.future = [];
        this.chosen = this.told.classes[0].name;
        this.selected = null;
        this.colours = new Map(this.told.classes.map((one) => [one.name, one.colour]));
        this.state = make("p", {className: "muted", role: "status"});
        this.none = make("p", {className: "muted"}, "Nothing is marked yet.");
        this.rows = make("ol", {className: "mark-rows", aria: {label: this.told.label}});
        this.build();
    }

    read() {
        try {
            const found = JSON.parse(this.field.value || "[]");
            return Array.isArray(found) ? found : [];
        } catch {
            return [];
        }
    }

    build() {
        const wrapper = this.field.closest("div");
        const json = make("details", {}, make("summary", {}, `${this.told.label}: as JSON`));
        const part = make("section", {className: "marks", aria: {label: this.told.label}}, make("h3", {}, this.told.label));
        wrapper.before(part);
        json.append(wrapper);
        if (wrapper.querySelector(".errorlist")) json.open = true;
        this.undoButton = button("Undo", () => this.undo(), {title: "Undo (Ctrl+Z)"});
        this.redoButton = button("Redo", () => this.redo(), {title: "Redo (Ctrl+Y)"});
        const drawing = make("div", {className: "mark-tools"}, this.palette(), this.tools(), this.state);
        const near = this.source?.frame ?? this.source?.root.querySelector("[data-source-text]");
        near ? near.before(drawing) : part.append(drawing);
        part.append(this.none, this.rows, json);
        this.field.addEventListener("change", () => {
            if (this.field.value === this.text()) return;
            this.change(() => { this.records = this.read(); });
        });
        this.start();
        this.show();
    }

    palette() {
        const box = make("div", {className: "class-palette", role: "group", aria: {label: "Class"}});
        this.told.classes.forEach((one, place) => {
            const swatch = make("span", {className: "swatch"});
            swatch.style.background = one.colour;
            const number = place < 9 ? [make("kbd", {}, String(place + 1))] : [];
            const made = button("", () => this.choose(one.name), {aria: {pressed: "false"}, data: {classKey: String(place + 1)}});
            made.append(swatch, ` ${one.name} `, ...number);
            box.append(made);
        });
        this.paletteBox = box;
        return box;
    }

    choose(name) {
        this.chosen = name;
        if (this.selected !== null) this.change(() => { this.records[this.selected] = {...this.records[this.selected], [this.told.nameKey]: name}; });
        this.showChosen();
    }

    showChosen() {
        this.told.classes.forEach((one, place) => this.paletteBox.children[place].setAttribute("aria-pressed", String(one.name === this.chosen)));
    }

    text() { return JSON.stringify(this.records); }

    // Every change goes through here, so that each can be undone.
    change(act) {
        this.past.push(this.text());
        this.past.splice(0, this.past.length - HISTORY);
        this.future = [];
        act();
        this.write();
    }

    write() {
        this.field.value = this.text();
        this.field.dispatchEvent(new Event("input", {bubbles: true}));
        this.show();
    }

    undo() { this.step(this.past, this.future, "Undone."); }

    redo() { this.step(this.future, this.past, "Done again."); }

    step(from, to, words) {
        if (!from.length) return;
        to.push(this.text());
        this.records = JSON.parse(from.pop());
        this.selected = null;
        this.write();
        this.state.textContent = words;
    }

    show() {
        this.undoButton.disabled = !this.past.length;
        this.redoButton.disabled = !this.future.length;
        this.none.hidden = this.records.length > 0;
        this.showChosen();
        const focus = document.activeElement?.dataset?.mark;
        this.rows.replaceChildren(...this.records.map((record, place) => this.row(record, place)));
        if (focus) this.rows.querySelector(`[data-mark="${focus}"]`)?.focus();
        this.draw();
    }

    row(record, place) {
        const title = `${this.noun(record)} ${place + 1}`;
        const swatch = make("span", {className: "swatch"});
        swatch.style.background = this.colours.get(record[this.told.nameKey]) ?? "";
        const options = this.told.classes.map((one) => make("option", {value: one.name, selected: one.name === record[this.told.nameKey]}, one.name));
        const kind = make("select", {aria: {label: `${title}: class`}, data: {mark: `${place}-class`}}, ...options);
        kind.addEventListener("change", () => this.set(place, {[this.told.nameKey]: kind.value}));
        const remove = button("Remove", () => this.remove(place), {aria: {label: `Remove ${title}`}});
        const item = make("li", {className: "mark-row"}, swatch, make("span", {className: "mark-name"}, title), kind, ...this.inputs(record, place, title), remove);
        if (place === this.selected) item.classList.add("selected");
        item.addEventListener("focusin", () => this.select(place));
        return item;
    }

    number(place, key, title, value, act) {
        const input = make("input", {type: "number", step: this.told.whole === false ? "any" : "1", min: 0, value, aria: {label: `${title}: ${key}`}, data: {mark: `${place}-${key}`}});
        input.addEventListener("change", () => input.value !== "" && act(Number(input.value)));
        return make("label", {className: "mark-place"}, `${key} `, input);
    }

    set(place, values) { this.change(() => { this.records[place] = {...this.records[place], ...values}; }); }

    remove(place) {
        this.selected = null;
        this.change(() => { this.records.splice(place, 1); });
    }

    select(place) {
        if (this.selected === place) return;
        this.selected = place;
        this.chosen = this.records[place]?.[this.told.nameKey] ?? this.chosen;
        this.showChosen();
        Array.from(this.rows.children).forEach((item, at) => item.classList.toggle("selected", at === place));
        this.draw();
    }
}
