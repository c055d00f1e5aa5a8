"""Tables for people, and the record that keeps the numbers."""

import json, shlex, subprocess, sys
from datetime import date

from .environment import ROOT


def number(value, places=None):
    if value is None:
        return "–"
    if places is None:
        places = 0 if value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{places}f}"


def times(ratio):
    return "–" if ratio is None else f"{ratio:.2f} ×"


def verdict(ratio, goal):
    """A ratio against its goal."""
    return "" if goal is None or ratio is None else f"{'met' if ratio >= goal else 'missed'} ({goal:g} ×)"


class Report:
    """Prints the rows of one table as they come and keeps them."""

    def __init__(self, title, columns, sides, machine, threads, markdown, out=sys.stdout):
        self.columns, self.sides, self.machine, self.threads = columns, sides, machine, threads
        self.markdown, self.out, self.rows, self.notes = markdown, out, [], []
        self.widths = [max(len(head), width) for head, width in columns]
        versions = [f"{side.name} {side.version}" for side in sides if side.version]
        peak = f", peak {machine['peak_gflops']:.0f} GFLOP/s" if "peak_gflops" in machine else ""
        self.write(f"{title}; {machine['processor']}, {machine['cores']} cores, {machine['isa']}, "
                   f"{threads} thread{'s' if threads > 1 else ''}{peak}"
                   + ("; " + ", ".join(versions) if versions else "") + "\n")
        self.line([head for head, _ in columns])
        if markdown:
            self.write("| --- | " + " | ".join("---" if width < 0 else "--:" for _, width in columns[1:]) + " |")

    def write(self, text):
        print(text, file=self.out, flush=True)

    def line(self, texts):
        if self.markdown:
            self.write("| " + " | ".join(texts) + " |")
        else:
            first, rest = texts[0].ljust(self.widths[0]), zip(texts[1:], self.widths[1:])
            self.write((first + "  " + "  ".join(t.rjust(w) for t, w in rest)).rstrip())

    def row(self, texts, record):
        self.line(texts)
        self.rows.append(record)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def end(self):
        for note in self.notes:
            self.write(("\n" if note is self.notes[0] else "") + note)

    def record(self, mode):
        def git(*words):
            return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

        return {
            "command": shlex.join(["Benchmarks/compare", *sys.argv[1:]]), "mode": mode, "date": str(date.today()),
            "commit": git("rev-parse", "HEAD"), "has_changes": bool(git("status", "--porcelain", "-uno")),
            "machine": self.machine, "threads": self.threads,
            "peers": {side.name: side.version for side in self.sides if side.version},
            "rows": self.rows, "notes": self.notes,
        }


def keep(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records if len(records) > 1 else records[0], indent=1) + "\n")
