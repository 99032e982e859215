/* Spans of a text, in code points. */
import {Marks} from "./marks.js";
import {button, make} from "./parts.js";

export class Spans extends Marks {
    noun() { return "Span"; }

    tools() {
        return make("div", {className: "tool-bar", role: "group", aria: {label: "Marking"}}, this.undoButton, this.redoButton,
            button("Add a span by its place", () => this.change(() => { this.records.push(this.span(0, 1)); })));
    }

    start() {
        this.box = this.source?.root.querySelector("[data-source-text]");
        if (!this.box) {
            this.state.textContent = "There is no text to mark; give each span by its place.";
            return;
        }
        this.plain = this.box.textContent;
        this.points = Array.from(this.told.text ?? this.plain);  // one element for each code point
        // Not `readOnly`: there no arrow key moves or selects.
        this.keyboard = make("textarea", {value: this.plain, rows: 6, spellcheck: false, aria: {readonly: "true", label: `Text of ${this.told.column}, to select in with the keyboard`}});
        this.keyboard.addEventListener("beforeinput", (event) => event.preventDefault());
        this.box.after(make("details", {}, make("summary", {}, "Select with the keyboard"), this.keyboard));
        this.state.textContent = "Select words, then a class.";
    }

    choose(name) {
        const picked = this.picked();
        if (!picked) return super.choose(name);
        this.chosen = name;
        this.add(this.span(...picked));
        window.getSelection().removeAllRanges();
        this.keyboard.setSelectionRange(picked.end, picked.end);
    }

    add(span) {
        const isSame = (one) => one.start === span.start && one.end === span.end && one[this.told.nameKey] === this.chosen;
        if (this.records.some(isSame)) {
            this.state.textContent = `These words are marked as ${this.chosen} already.`;
            return this.showChosen();
        }
        this.change(() => {
            this.records.push(span);
            this.records.sort((one, other) => one.start - other.start || one.end - other.end);
        });
        this.state.textContent = `Marked as ${this.chosen}.`;
    }

    span(start, end) {
        const words = this.points?.slice(start, end).join("") ?? "";
        return {[this.told.nameKey]: this.chosen, start, end, ...(this.told.hasText ? {text: words} : {})};
    }

    // Where the selection starts and ends, in code points; null where nothing is selected.
    picked() {
        if (!this.box) return null;
        const area = this.keyboard;
        if (document.activeElement === area && area.selectionEnd > area.selectionStart) return this.trimmed(area.selectionStart, area.selectionEnd);
        const chosen = window.getSelection();
        if (!chosen.rangeCount || chosen.isCollapsed) return null;
        const range = chosen.getRangeAt(0);
        if (!this.box.contains(range.commonAncestorContainer)) return null;
        const before = document.createRange();
        before.setStart(this.box, 0);
        before.setEnd(range.startContainer, range.startOffset);
        const start = before.toString().length;
        return this.trimmed(start, start + range.toString().length);
    }

    trimmed(start, end) {
        while (start < end && /\s/.test(this.plain[start])) start += 1;
        while (end > start && /\s/.test(this.plain[end - 1])) end -= 1;
        return end > start ? [this.counted(start), this.counted(end)] : null;
    }

    // Browsers count UTF-16 units and drop the CR of a CR LF; what is stored counts code points of the text itself.
    counted(units) {
        let seen = 0, place = 0;
        while (seen < units && place < this.points.length) {
            if (!(this.points[place] === "\r" && this.points[place + 1] === "\n")) seen += this.points[place].length;
            place += 1;
        }
        return place;
    }

    inputs(record, place, title) {
        const words = this.points?.slice(record.start, record.end).join("") ?? "";
        const renew = (values) => {
            const next = {...record, ...values};
            return this.told.hasText ? {...next, text: this.points?.slice(next.start, next.end).join("") ?? ""} : next;
        };
        return [
            ...["start", "end"].map((key) => this.number(place, key, title, record[key], (value) => this.set(place, renew({[key]: value})))),
            make("q", {className: "mark-words"}, words.slice(0, 80)),
        ];
    }

    draw() {
        if (!this.box) return;
        const ends = new Set([0, this.points.length]);
        for (const {start, end} of this.records) for (const end_ of [start, end]) if (end_ >= 0 && end_ <= this.points.length) ends.add(end_);
        const order = [...ends].sort((one, other) => one - other);
        const pieces = order.slice(1).map((end, at) => this.piece(order[at], end));
        this.box.replaceChildren(...pieces);
    }

    piece(start, end) {
        const words = this.points.slice(start, end).join("").replace(/\r\n/g, "\n");
        const over = this.records.filter((one) => one.start <= start && one.end >= end).sort((one, other) => (one.end - one.start) - (other.end - other.start));
        if (!over.length) return document.createTextNode(words);
        const mark = make("mark", {title: over.map((one) => one[this.told.nameKey]).join(", ")}, words);
        mark.style.borderBottomColor = this.colours.get(over[0][this.told.nameKey]) ?? "";
        return mark;
    }
}
