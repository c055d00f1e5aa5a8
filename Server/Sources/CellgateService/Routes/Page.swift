/// The page at "/": one text without anything from elsewhere.
enum Page {
  static let text = #"""
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Cellgate</title>
    <link rel="icon" href="data:,">
    <style>
    :root { color-scheme: light dark; --line: #8886; --mark: #2a6fdb; }
    * { box-sizing: border-box; }
    body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 0 auto; padding: 1rem; }
    h1 { font-size: 1.25rem; margin: 0 0 1rem; }
    label { display: block; font-size: .875rem; margin-top: .75rem; }
    select, textarea, input, button { font: inherit; width: 100%; padding: .5rem; border: 1px solid var(--line);
      border-radius: .25rem; background: transparent; color: inherit; }
    select option { color: black; background: white; }
    :focus-visible { outline: 3px solid var(--mark); outline-offset: 1px; }
    .row { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .5rem; }
    .buttons { display: flex; gap: .5rem; margin-top: 1rem; }
    button { cursor: pointer; }
    button:disabled { opacity: .5; cursor: default; }
    output { display: block; white-space: pre-wrap; overflow-wrap: anywhere; min-height: 6rem; margin-top: 1rem;
      padding: .75rem; border: 1px solid var(--line); border-radius: .25rem; font-family: ui-monospace, monospace; }
    #problem { color: #c0392b; min-height: 1.5rem; margin: .5rem 0 0; }
    table { border-collapse: collapse; width: 100%; margin-top: .5rem; font-size: .875rem; }
    th, td { text-align: left; padding: .125rem .5rem .125rem 0; font-weight: normal; white-space: nowrap; }
    td:nth-child(2) { width: 100%; }
    meter { width: 100%; height: 1rem; }
    canvas { width: 100%; height: 3rem; display: block; border-bottom: 1px solid var(--line); }
    </style>
    </head>
    <body>
    <h1>Cellgate</h1>
    <form id="form">
    <label for="model">Model</label>
    <select id="model"></select>
    <div id="key-part" hidden><label for="key">API key</label>
    <input id="key" type="password" autocomplete="off"></div>
    <div id="language">
    <label for="prompt">Text to go on after</label>
    <textarea id="prompt" rows="3"></textarea>
    <div class="row">
    <div><label for="tokens">Tokens</label><input id="tokens" type="number" min="1" max="4096" value="200"></div>
    <div><label for="temperature">Temperature</label>
    <input id="temperature" type="number" min="0" max="10" step="0.1" value="0.7"></div>
    <div><label for="top-p">Top p</label>
    <input id="top-p" type="number" min="0" max="1" step="0.05" value="1"></div>
    <div><label for="seed">Seed</label><input id="seed" type="number" min="0" value="1"></div>
    </div>
    </div>
    <div id="other" hidden>
    <label for="body">Request of /v1/predict, as JSON</label>
    <textarea id="body" rows="6" spellcheck="false"></textarea>
    </div>
    <div class="buttons"><button id="go" type="submit">Write</button>
    <button id="stop" type="button" disabled>Stop</button></div>
    </form>
    <p id="problem" role="alert"></p>
    <output id="text" aria-live="off" aria-label="What the model writes" tabindex="0"></output>
    <section id="gates" hidden aria-label="Gates">
    <canvas id="history" width="720" height="48" aria-hidden="true"></canvas>
    <table><thead><tr><th scope="col">gate</th><th scope="col">mean over its units</th><th scope="col"></th></tr></thead>
    <tbody id="rows"></tbody></table>
    </section>
    <script>
    "use strict";
    const $ = (id) => document.getElementById(id);
    let models = [], running = null, meters = new Map(), column = 0;
    const colours = ["#2a6fdb", "#d1662b", "#2c9a5b", "#9b4fc0", "#b8962e", "#c03a6b"];
    const headers = () => Object.assign({ "Content-Type": "application/json" },
      $("key").value ? { Authorization: "Bearer " + $("key").value } : {});
    const say = (text) => { $("problem").textContent = text; };
    async function failure(answer) {
      try { return (await answer.json()).error.message; } catch { return answer.status + " " + answer.statusText; }
    }
    async function load() {
      const answer = await fetch("v1/models", { headers: headers() });
      if (answer.status === 401) { $("key-part").hidden = false; say("This service needs a key."); return; }
      if (!answer.ok) { say(await failure(answer)); return; }
      say("");
      models = (await answer.json()).data;
      $("model").replaceChildren(...models.map((model) => {
        const option = document.createElement("option");
        option.value = model.id;
        option.textContent = model.id + " (" + model.kind + (model.cell ? ", " + model.cell : "") + ")";
        return option;
      }));
      choose();
    }
    function model() { return models.find((one) => one.id === $("model").value); }
    function example(one) {
      if (one.columns && one.columns.length) {
        return { rows: [Object.fromEntries(one.columns.map((name) => [name, ""]))] };
      }
      if (one.kind === "tag") return { sentences: [["A", "sentence"]] };
      if (one.kind === "translate") return { texts: ["A sentence."] };
      return { inputs: [] };
    }
    function choose() {
      const one = model();
      if (!one) return;
      const writes = one.kind === "language";
      $("language").hidden = !writes;
      $("other").hidden = writes;
      $("go").textContent = writes ? "Write" : "Predict";
      if (!writes) $("body").value = JSON.stringify(example(one), null, 2);
    }
    function show(gates) {
      $("gates").hidden = false;
      gates.forEach((gate, place) => {
        const name = gate.gate + (gates.some((one) => one.layer > 1) ? " of layer " + gate.layer : "");
        if (!meters.has(name)) {
          const row = $("rows").insertRow();
          const head = document.createElement("th");
          head.scope = "row";
          head.textContent = name;
          head.style.color = colours[place % colours.length];
          const meter = document.createElement("meter");
          meter.setAttribute("aria-label", name);
          row.append(head);
          row.insertCell().append(meter);
          meters.set(name, { meter, number: row.insertCell() });
        }
        const own = meters.get(name);
        own.meter.value = gate.mean;
        own.number.textContent = gate.mean.toFixed(2);
      });
      const canvas = $("history"), pen = canvas.getContext("2d");
      const x = (column * 3) % canvas.width;
      pen.clearRect(x, 0, 6, canvas.height);
      gates.forEach((gate, place) => {
        pen.fillStyle = colours[place % colours.length];
        pen.fillRect(x, (1 - gate.mean) * (canvas.height - 3), 3, 3);
      });
      column += 1;
    }
    async function* events(answer) {
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const data = part.replace(/^data: /, "");
          if (data === "[DONE]") return;
          yield JSON.parse(data);
        }
      }
    }
    async function write(signal) {
      const one = model(), writes = one.kind === "language";
      const number = (id) => Number($(id).value);
      const body = writes
        ? { model: one.id, prompt: $("prompt").value, max_tokens: number("tokens"), temperature: number("temperature"),
            top_p: number("top-p"), seed: number("seed"), stream: true, gates: one.gates === true }
        : Object.assign({ model: one.id }, JSON.parse($("body").value));
      const answer = await fetch(writes ? "v1/completions" : "v1/predict",
        { method: "POST", headers: headers(), body: JSON.stringify(body), signal });
      if (!answer.ok) { say(await failure(answer)); return; }
      if (!writes) { $("text").textContent = JSON.stringify(await answer.json(), null, 2); return; }
      $("text").textContent = $("prompt").value;
      for await (const event of events(answer)) {
        if (event.error) { say(event.error.message); return; }
        for (const choice of event.choices) {
          $("text").append(choice.text);
          if (choice.gates) show(choice.gates);
        }
      }
    }
    $("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!models.length) { await load(); return; }
      running = new AbortController();
      say("");
      $("go").disabled = true; $("stop").disabled = false;
      $("rows").replaceChildren(); $("gates").hidden = true; meters.clear(); column = 0;
      try { await write(running.signal); } catch (error) { if (error.name !== "AbortError") say(String(error.message)); }
      $("go").disabled = false; $("stop").disabled = true;
    });
    $("stop").addEventListener("click", () => { if (running) running.abort(); });
    $("model").addEventListener("change", choose);
    $("key").addEventListener("change", load);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && running) running.abort();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
    });
    load().catch((error) => say(String(error.message)));
    </script>
    </body>
    </html>
    """#
}
