/* Boxes, polygons and spans of an answer: drawn on the picture or selected in the text, and typed in a table beside
   it, which is the way without a mouse. All of them are kept as JSON in one field of the form. */
"use strict";
{
    const {sources, make, button, isTyping, keysAllowed} = window.Labelling;
    const HISTORY = 200;

    class Marks {
        constructor(field) {
            this.field = field;
            this.told = JSON.parse(field.dataset.marks);
            this.source = sources.get(this.told.column);
            this.records = this.read();
            this.past = [];
            this.future = [];
            this.chosen = this.told.classes[0].name;
            this.selected = null;
            this.colours = new Map(this.told.classes.map((one) => [one.name, one.colour]));
            this.state = make("p", {className: "muted", role: "status"});
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
            part.append(this.rows, json);
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

    // ---- boxes and polygons on a picture ---------------------------------------------------------------------------
    class Shapes extends Marks {
        noun(record) { return record.points ? "Polygon" : "Box"; }

        get size() { return this.source?.img ? this.source.size : [0, 0]; }

        tools() {
            this.tool = "rectangle";
            const kinds = [["rectangle", "Box", "b"], ...(this.told.polygons ? [["polygon", "Polygon", "g"]] : []), ["select", "Select", "v"]];
            this.toolButtons = new Map(kinds.map(([tool, words, key]) => {
                const made = button(words, () => this.use(tool), {title: `${words} (${key})`, data: {key}, aria: {pressed: String(tool === this.tool)}});
                return [tool, made];
            }));
            const typed = button("Add a box by its place", () => this.addTyped());
            return make("div", {className: "tool-bar", role: "group", aria: {label: "Drawing"}}, ...this.toolButtons.values(), this.undoButton, this.redoButton, typed);
        }

        start() {
            if (!this.source?.img) {
                this.state.textContent = "There is no picture to draw on; give each box by its place.";
                return;
            }
            this.source.root.addEventListener("drawn", () => this.open());
            if (this.source.img.complete && this.source.img.naturalWidth) this.open();
        }

        open() {
            this.annotator?.destroy();
            this.annotator = window.Annotorious.createImageAnnotator(this.source.img, {
                drawingEnabled: true, drawingMode: "drag", userSelectAction: "EDIT", autoSave: true,
            });
            // Its own option for colours writes style attributes, which the policy refuses.
            this.painter?.disconnect();
            this.painter = new MutationObserver(() => this.paint());
            this.painter.observe(this.annotator.element, {childList: true, subtree: true});
            this.annotator.on("createAnnotation", (mark) => {
                const place = this.records.length;
                this.change(() => { this.records.push({[this.told.nameKey]: this.chosen, ...this.placed(mark.target.selector)}); });
                this.state.textContent = `${this.noun(this.records[place])} ${place + 1} of ${this.chosen}.`;
            });
            this.annotator.on("updateAnnotation", (mark) => {
                const place = Number(mark.id.slice(1));
                if (this.isDrawing || !this.records[place]) return;
                this.past.push(this.text());
                this.future = [];
                this.records[place] = {...this.records[place], ...this.placed(mark.target.selector)};
                this.field.value = this.text();
                this.field.dispatchEvent(new Event("input", {bubbles: true}));
                this.rows.children[place]?.replaceWith(this.row(this.records[place], place));
                this.undoButton.disabled = false;
            });
            this.annotator.on("selectionChanged", (marks) => {
                if (this.isDrawing) return;
                const place = marks.length ? Number(marks[0].id.slice(1)) : null;
                if (place !== null && Number.isInteger(place)) { this.selected = null; this.isDrawing = true; this.select(place); this.isDrawing = false; } else this.selected = null;
            });
            this.use(this.tool);
            this.draw();
        }

        use(tool) {
            this.tool = tool;
            this.toolButtons.forEach((made, name) => made.setAttribute("aria-pressed", String(name === tool)));
            if (!this.annotator) return;
            const isDrawing = tool !== "select";
            this.annotator.cancelDrawing();
            this.annotator.setSelected();
            this.annotator.setUserSelectAction(isDrawing ? "NONE" : "EDIT");
            this.annotator.setDrawingEnabled(isDrawing);
            if (!isDrawing) return;
            this.annotator.setDrawingMode(tool === "polygon" ? "click" : "drag");
            this.annotator.setDrawingTool(tool);
        }

        paint() {
            for (const group of this.annotator.element.querySelectorAll("g.a9s-annotation[data-id]")) {
                const record = this.records[Number(group.dataset.id.slice(1))];
                const colour = this.colours.get(record?.[this.told.nameKey]);
                const inner = group.querySelector(".a9s-inner");
                if (colour && inner) Object.assign(inner.style, {stroke: colour, strokeWidth: "2.5px", fill: `${colour}26`});
            }
        }

        draw() {
            if (!this.annotator || this.isDrawing) return;
            this.isDrawing = true;
            this.annotator.setAnnotations(this.records.map((record, place) => this.mark(record, place)).filter(Boolean), true);
            this.isDrawing = false;
            this.paint();
            this.warn();
        }

        corners(record) {
            const [x, y, third, fourth] = this.told.places.map((key) => Number(record[key]));
            return this.told.places[2] === "x2" ? [x, y, third, fourth] : [x, y, x + third, y + fourth];
        }

        mark(record, place) {
            const [minX, minY, maxX, maxY] = this.corners(record);
            if (![minX, minY, maxX, maxY].every(Number.isFinite)) return null;
            const bounds = {minX, minY, maxX, maxY};
            const selector = record.points
                ? {type: "POLYGON", geometry: {bounds, points: record.points}}
                : {type: "RECTANGLE", geometry: {bounds, x: minX, y: minY, w: maxX - minX, h: maxY - minY, rot: 0}};
            const id = `m${place}`;
            return {id, bodies: [], target: {annotation: id, selector}};
        }

        // Inside the picture and, where the schema asks for them, in whole pixels.
        placed(selector) {
            const [width, height] = this.size;
            const exact = (value) => this.told.whole ? Math.round(value) : Math.round(value * 100) / 100;
            const inside = (x, y) => [exact(Math.min(Math.max(x, 0), width)), exact(Math.min(Math.max(y, 0), height))];
            if (selector.type === "POLYGON") {
                const points = selector.geometry.points.map(([x, y]) => inside(x, y));
                return {...this.around(points), points};
            }
            const {minX, minY, maxX, maxY} = selector.geometry.bounds;
            return this.around([inside(minX, minY), inside(maxX, maxY)]);
        }

        around(points) {
            const across = points.map((point) => point[0]), down = points.map((point) => point[1]);
            return this.boxed(Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down));
        }

        boxed(x1, y1, x2, y2) {
            const plain = (value) => Math.round(value * 100) / 100;
            const place = this.told.places[2] === "x2" ? [x1, y1, x2, y2] : [x1, y1, plain(x2 - x1), plain(y2 - y1)];
            return Object.fromEntries(this.told.places.map((key, at) => [key, place[at]]));
        }

        addTyped() {
            const [width, height] = this.size;
            const place = this.records.length;
            const box = this.boxed(0, 0, Math.max(Math.round(width / 10), 10), Math.max(Math.round(height / 10), 10));
            this.change(() => { this.records.push({[this.told.nameKey]: this.chosen, ...box}); });
            this.rows.querySelector(`[data-mark="${place}-${this.told.places[0]}"]`)?.focus();
        }

        inputs(record, place, title) {
            if (record.points) {
                const points = make("input", {type: "text", value: record.points.map((point) => point.join(",")).join(" "), aria: {label: `${title}: points as x,y x,y x,y`}, data: {mark: `${place}-points`}});
                points.addEventListener("change", () => this.setPoints(place, points.value));
                return [make("label", {className: "mark-points"}, "points ", points)];
            }
            return this.told.places.map((key) => this.number(place, key, title, record[key], (value) => this.set(place, {[key]: value})));
        }

        setPoints(place, text) {
            const points = text.trim().split(/\s+/).map((pair) => pair.split(",").map(Number));
            if (points.length < 3 || !points.every((point) => point.length === 2 && point.every(Number.isFinite))) {
                this.state.textContent = "A polygon has three points or more, as x,y x,y x,y.";
                return;
            }
            this.set(place, {...this.around(points), points});
        }

        warn() {
            const [width, height] = this.size;
            const out = this.records.findIndex((record) => {
                const [x1, y1, x2, y2] = this.corners(record);
                return x1 < 0 || y1 < 0 || x2 > width || y2 > height || x2 <= x1 || y2 <= y1;
            });
            if (out < 0 && this.isWarning) this.state.textContent = "";
            this.isWarning = out >= 0 && width > 0;
            if (this.isWarning) this.state.textContent = `${this.noun(this.records[out])} ${out + 1} does not lie in the picture of ${width} × ${height} pixels.`;
        }
    }

    // ---- spans in a text -------------------------------------------------------------------------------------------
    class Spans extends Marks {
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
            this.keyboard = make("textarea", {readOnly: true, value: this.plain, rows: 6, aria: {label: `Text of ${this.told.column}, to select in with the keyboard`}});
            this.box.after(make("details", {}, make("summary", {}, "Select with the keyboard"), this.keyboard));
            this.state.textContent = "Select words, then a class.";
        }

        choose(name) {
            const picked = this.picked();
            if (!picked) return super.choose(name);
            this.chosen = name;
            this.change(() => {
                this.records.push(this.span(...picked));
                this.records.sort((one, other) => one.start - other.start || one.end - other.end);
            });
            window.getSelection().removeAllRanges();
            this.keyboard.setSelectionRange(picked.end, picked.end);
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

    const all = Array.from(document.querySelectorAll("[data-marks]")).map((field) => JSON.parse(field.dataset.marks).kind === "boxes" ? new Shapes(field) : new Spans(field));

    // Before Annotorious, which has an undo of its own that also answers while somebody types.
    window.addEventListener("keydown", (event) => {
        const isUndoing = (event.ctrlKey || event.metaKey) && ["z", "y"].includes(event.key.toLowerCase());
        if (isUndoing) event.stopPropagation();
        if (!all.length) return;
        const active = all.find((marks) => marks.selected !== null) ?? all[0];
        if (isUndoing) {
            if (isTyping(event.target)) return;
            event.preventDefault();
            event.key.toLowerCase() === "y" || event.shiftKey ? active.redo() : active.undo();
        } else if (event.key === "Delete" && !isTyping(event.target) && keysAllowed() && active.selected !== null) {
            event.preventDefault();
            active.remove(active.selected);
        }
    }, {capture: true});
}
