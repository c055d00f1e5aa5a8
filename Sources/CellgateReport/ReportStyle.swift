/// The style sheet and the script of a report's page. Both must be well-formed in XML too.
enum ReportStyle {
  /// Colours, type and layout. All colours are custom properties, once for light and once for dark.
  static let sheet = """
    :root {
      color-scheme: light dark;
      --paper: #ffffff; --ink: #1c1f23; --faint: #5c646e; --rule: #e2e5e9; --hair: #eff1f3; --axis: #8b939d;
      --link: #0a5ca8; --good: #17703f; --bad: #b3261e; --tint: #f6f7f8;
      --c0: #0068ad; --c1: #c24e08; --c2: #007d58; --c3: #ab4589; --c4: #8a6200; --c5: #2b84bd; --c6: #50565d;
      --g0: #a9c7dd; --g1: #82aecf; --g2: #5c95c0; --g3: #397cae; --g4: #1c6296; --g5: #07477a;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #14171a; --ink: #e4e7ea; --faint: #9ba4ae; --rule: #2d3238; --hair: #21262b; --axis: #68717b;
        --link: #7dbcf3; --good: #6fce9a; --bad: #ff8f84; --tint: #1c2024;
        --c0: #58aef0; --c1: #f78d4e; --c2: #3fc795; --c3: #e088be; --c4: #dcb345; --c5: #9fd3f5; --c6: #b4bbc3;
        --g0: #2f4a60; --g1: #3d668a; --g2: #4b82b3; --g3: #62a0d6; --g4: #8cc0ec; --g5: #c4e1fa;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--paper); color: var(--ink);
      font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
      font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
    }
    main { max-width: 1120px; margin: 0 auto; padding: 56px 32px 96px; }
    h1, h2, h3, h4, p, dl, dd, ul, figure, table { margin: 0; padding: 0; }
    h1 { font-size: 32px; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em; overflow-wrap: anywhere; }
    h2 { font-size: 24px; line-height: 1.25; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere; }
    h3 { font-size: 18px; line-height: 1.4; font-weight: 650; overflow-wrap: anywhere; }
    h4 { font-size: 15px; line-height: 1.4; font-weight: 650; margin-bottom: 16px; overflow-wrap: anywhere; }
    h3 .faint { font-weight: 400; font-size: 15px; white-space: pre-wrap; }
    a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; overflow-wrap: anywhere; }
    a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; }
    code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
    .brand { color: var(--faint); font-size: 13px; margin-bottom: 6px; }
    .lead { color: var(--faint); margin-top: 6px; max-width: 68ch; }
    .note { color: var(--faint); font-size: 13px; margin-top: 14px; max-width: 76ch; overflow-wrap: anywhere; }
    .faint { color: var(--faint); }
    .number { text-align: right; }
    .group { margin-top: 56px; }
    header + .group { margin-top: 40px; }
    .comparison { margin-top: 28px; }
    .part { margin-top: 48px; min-width: 0; }
    .state { margin: 0 0 28px; padding: 12px 16px; border-left: 3px solid var(--c1); background: var(--tint); max-width: 76ch; }
    .scroll { overflow-x: auto; }

    details.run { border-top: 1px solid var(--rule); margin-top: 40px; padding-top: 18px; }
    details.run + details.run { margin-top: 18px; }
    details.run[open] + details.run { margin-top: 56px; }
    details.run section[id] { padding-top: 24px; scroll-margin-top: 64px; }
    summary { cursor: pointer; list-style: none; display: flex; align-items: baseline; gap: 10px; }
    summary::-webkit-details-marker { display: none; }
    summary::before { content: "›"; color: var(--faint); font-size: 20px; line-height: 1; width: 12px; transition: transform 0.12s; }
    details[open] > summary::before { transform: rotate(90deg); }

    .numbers { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 24px; }
    .numbers dt { color: var(--faint); font-size: 13px; }
    .numbers .value { font-size: 22px; line-height: 1.35; font-weight: 600; letter-spacing: -0.01em; }
    .numbers .note { margin-top: 2px; }

    table { border-collapse: collapse; font-size: 14px; }
    th { font-weight: 400; text-align: left; }
    th, td { padding: 7px 0 7px 28px; vertical-align: baseline; white-space: nowrap; }
    th:first-child, td:first-child { padding-left: 0; }
    thead th { color: var(--faint); font-size: 13px; border-bottom: 1px solid var(--rule); }
    th.number { text-align: right; }
    .comparison table { width: 100%; }
    .comparison tbody { border-bottom: 1px solid var(--hair); }
    .comparison .family th, .comparison .family td { font-weight: 600; padding-top: 11px; }
    .comparison .family .faint { font-weight: 400; white-space: pre; }
    .comparison .seed th { padding-left: 16px; }
    .comparison .seed { color: var(--faint); font-size: 13px; }
    .comparison .seed td, .comparison .seed th { padding-top: 3px; padding-bottom: 3px; }
    .comparison .seed:last-child td, .comparison .seed:last-child th { padding-bottom: 11px; }
    .best tr:first-child { font-weight: 650; }
    .settings { width: 100%; }
    .settings th, .settings td { padding-top: 5px; padding-bottom: 5px; border-bottom: 1px solid var(--hair); white-space: normal; overflow-wrap: anywhere; }
    .settings td { padding-left: 20px; }
    .settings th { color: var(--faint); }
    .settings .changed th, .settings .changed .number { font-weight: 650; color: var(--ink); }
    .settings .changed th { box-shadow: inset 3px 0 0 var(--c0); padding-left: 12px; }
    .settings th:first-child { padding-left: 12px; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 56px; }
    .equations { font: 17px/1.5 "STIX Two Math", "Cambria Math", "Latin Modern Math", Cambria, "Times New Roman", serif; }
    .equations td { padding: 3px 0; }
    .equations .left { text-align: right; padding-right: 0.35em; }
    .equations sub { font-size: 0.7em; line-height: 0; }

    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 40px 56px; }
    .chart { min-width: 0; }
    .chart figcaption strong { font-weight: 600; }
    .chart figcaption span { color: var(--faint); font-size: 13px; }
    .wide { margin-top: 40px; }
    .none { color: var(--faint); padding: 32px 0; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; margin-top: 6px; font-size: 13px; }
    .legend li { display: flex; align-items: center; gap: 7px; overflow-wrap: anywhere; }
    .key { flex: none; } .key path { stroke: var(--c); stroke-width: 2.5; fill: none; stroke-dasharray: var(--d, none); }
    .area { position: relative; padding: 20px 8px 48px 56px; }
    .plot { display: block; width: 100%; height: 220px; overflow: visible; }
    .wide .plot { height: 340px; }
    .plot svg { overflow: visible; }
    .plot line { stroke-width: 1; shape-rendering: crispEdges; }
    .minor { stroke: var(--hair); opacity: 0.7; } .major { stroke: var(--rule); } .axis { stroke: var(--axis); }
    .plot .reference { stroke: var(--faint); stroke-dasharray: 4 4; }
    .plot text { fill: var(--faint); font-size: 12px; }
    .end { text-anchor: end; } .middle { text-anchor: middle; }
    .plot text.line { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
    .curve path {
      fill: none; stroke: var(--c); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round;
      vector-effect: non-scaling-stroke; stroke-dasharray: var(--d, none);
    }
    .curve path.dots { stroke-width: 6; stroke-dasharray: none; }
    .band { fill: var(--c); fill-opacity: 0.14; stroke: none; }
    .c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
    .c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); }
    .g0 { --c: var(--g0); } .g1 { --c: var(--g1); } .g2 { --c: var(--g2); } .g3 { --c: var(--g3); }
    .g4 { --c: var(--g4); } .g5 { --c: var(--g5); }
    .d1 { --d: 7 5; } .d2 { --d: 2 5; } .d3 { --d: 10 4 2 4; }
    .tip {
      position: absolute; z-index: 1; pointer-events: none; background: var(--paper); color: var(--ink);
      border: 1px solid var(--rule); border-radius: 6px; padding: 7px 10px; font-size: 12px; line-height: 1.5;
      box-shadow: 0 2px 10px rgb(0 0 0 / 0.14); white-space: nowrap;
    }
    .tip b { font-weight: 600; } .tip div { display: flex; justify-content: space-between; gap: 14px; }
    .tip i { display: inline-block; width: 10px; height: 3px; background: var(--c); margin-right: 6px; vertical-align: middle; }
    .guide { position: absolute; width: 1px; background: var(--axis); pointer-events: none; }

    .pictures { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 20px 12px; margin-top: 18px; }
    .pictures li { display: flex; flex-direction: column; font-size: 13px; line-height: 1.45; padding-left: 10px; border-left: 2px solid transparent; }
    .pictures .miss { border-left-color: var(--bad); }
    .pictures img { image-rendering: pixelated; filter: invert(1); margin-bottom: 6px; border-radius: 2px; }
    .right { color: var(--good); } .wrong { color: var(--bad); font-weight: 700; }
    .examples { margin-top: 14px; }
    .examples tbody tr { border-bottom: 1px solid var(--hair); }
    .labelled-list { margin-top: 14px; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 18px 40px; }
    .labelled p { margin: 0 0 4px; line-height: 1.7; } .labelled span { border-radius: 3px; padding: 1px 2px; }
    .confusion td { text-align: right; padding: 4px 10px; } .confusion th { padding: 4px 10px; color: var(--faint); }
    .symbols { margin-top: 18px; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 22px 56px; }
    .symbols th { color: var(--faint); font-size: 13px; padding: 2px 20px 2px 0; }
    .symbols td { text-align: center; min-width: 26px; padding: 2px 0; }
    .symbols .count { text-align: left; padding-left: 20px; font-size: 13px; }
    .symbols .miss { color: var(--bad); font-weight: 700; text-decoration: underline 2px; text-underline-offset: 3px; }
    .text { margin-top: 16px; }
    \(CaptionMarkup.style)
    \(RollMarkup.style)
    \(TagMarkup.style)
    \(AlignmentMarkup.style)
    pre { margin: 0; padding: 14px 18px; background: var(--tint); border-radius: 4px; font: 13px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }

    @media (prefers-color-scheme: dark) { .pictures img { filter: none; } }
    @media (max-width: 560px) {
      main { padding: 32px 18px 64px; }
      h1 { font-size: 26px; } h2 { font-size: 21px; }
      .numbers { grid-template-columns: 1fr 1fr; gap: 20px; }
      .numbers .value { font-size: 19px; }
      .area { padding-left: 48px; }
      .wide .plot { height: 260px; }
      th, td { padding-left: 18px; }
      .symbols th { padding-right: 12px; } .symbols td { min-width: 21px; } .symbols .count { padding-left: 12px; }
      .pictures { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); }
    }
    @media print { .scroll { overflow: visible; } }
    """

  /// Shows the values of the curves under the pointer, read back from their paths. Without it the page lacks nothing
  /// else.
  static let script = """
    //<![CDATA[
    (function () {
      "use strict";
      function text(v) {
        if (v === 0) return "0";
        var a = Math.abs(v);
        return a >= 1e6 || 1e-4 > a ? v.toExponential(2) : String(Number(v.toPrecision(4)));
      }
      document.querySelectorAll(".plot").forEach(function (plot) {
        var area = plot.parentNode, at = function (key) { return Number(plot.dataset[key]); };
        var x0 = at("x0"), x1 = at("x1"), y0 = at("y0"), y1 = at("y1"), log = plot.dataset.log === "1";
        var curves = null, tip = null, guide = null;
        function read() {
          return Array.from(plot.querySelectorAll(".curve")).map(function (g) {
            var places = g.querySelector("path").getAttribute("d").match(/[ML][^MLh]+/g) || [];
            return { name: g.dataset.name, style: g.getAttribute("class"), places: places.map(function (p) {
              return p.slice(1).split(" ").map(Number);
            }) };
          });
        }
        function hide() {
          if (tip) { tip.remove(); guide.remove(); }
          tip = guide = null;
        }
        plot.addEventListener("pointermove", function (event) {
          curves = curves || read();
          var box = plot.getBoundingClientRect(), outer = area.getBoundingClientRect();
          var share = (event.clientX - box.left) / box.width;
          if (0 > share || share > 1 || !curves.length) { hide(); return; }
          var nearest = null;
          var rows = curves.map(function (curve) {
            var best = curve.places.reduce(function (a, b) {
              return Math.abs(b[0] - 10000 * share) >= Math.abs(a[0] - 10000 * share) ? a : b;
            });
            if (!nearest || Math.abs(nearest[0] - 10000 * share) > Math.abs(best[0] - 10000 * share)) nearest = best;
            return { curve: curve, place: best };
          });
          if (!tip) {
            tip = document.createElement("div"); tip.className = "tip"; tip.setAttribute("aria-hidden", "true");
            guide = document.createElement("div"); guide.className = "guide";
            area.append(guide, tip);
          }
          tip.textContent = "";
          var head = document.createElement("b");
          head.textContent = plot.dataset.x.replace(/s$/, "") + " " + Math.round(x0 + nearest[0] / 10000 * (x1 - x0)).toLocaleString("en");
          tip.append(head);
          rows.filter(function (row) { return 1 > Math.abs(row.place[0] - nearest[0]); }).slice(0, 14).forEach(function (row) {
            var h = 1 - row.place[1] / 1000;
            var value = log ? y0 * Math.pow(y1 / y0, h) : y0 + h * (y1 - y0);
            var line = document.createElement("div"), name = document.createElement("span"), key = document.createElement("i");
            key.className = row.curve.style.replace("curve ", "");
            name.append(key, curves.length > 1 ? row.curve.name : "");
            line.append(name, text(value));
            tip.append(line);
          });
          var x = box.left - outer.left + nearest[0] / 10000 * box.width;
          guide.style.left = x + "px"; guide.style.top = (box.top - outer.top) + "px"; guide.style.height = box.height + "px";
          var left = x + 12;
          if (left + tip.offsetWidth > outer.width) left = Math.max(0, x - 12 - tip.offsetWidth);
          tip.style.left = left + "px"; tip.style.top = (box.top - outer.top + 8) + "px";
        });
        plot.addEventListener("pointerleave", hide);
      });
    })();
    //]]>
    """
}
