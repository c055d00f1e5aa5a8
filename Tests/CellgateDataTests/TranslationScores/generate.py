"""Made texts and their scores by sacrebleu 2.6.0: pip install sacrebleu==2.6.0; python3 generate.py > scores.json"""

import json
import random
from sacrebleu.metrics import BLEU, CHRF

random.seed(7)
words = ["the", "Cat", "sat", "on", "mat", "1,000.5", "3.14", "well-known", "x-ray", "2-3", "O'Neil", "(see", "it)",
         "&quot;yes&quot;", "a&amp;b", "&lt;tag&gt;", "<skipped>", "...", "U.S.A.", "e.g.,", "naïve", "Ärger", "ΟΔΟΣ", "ΣΑΣ", "日本語", "😀",
         "$5", "50%", "a/b", "[x]", "`q`", "{y}", "~", "^", "é", "e\u0301", "\u00a0", "İ", "ß", "end.", "end,", "5-", "-5", ",7", "7,", ".", ",", "—"]
def line(n): return " ".join(random.choice(words) for _ in range(n))
def noisy(text):
    parts = text.split(" ")
    for i in range(len(parts)):
        r = random.random()
        if r < .15: parts[i] = random.choice(words)
        elif r < .2: parts[i] = parts[i].lower()
    if random.random() < .3: parts = parts[:-1]
    return " ".join(parts)
sets = []
def add(name, cands, refs): sets.append((name, cands, refs))
base = [line(random.randint(1, 14)) for _ in range(24)]
add("one reference", [noisy(t) for t in base], [[t] for t in base])
add("three references", [noisy(t) for t in base], [[noisy(t), t, noisy(t)] for t in base])
add("no four words in a row", ["the Cat sat", "on mat"], [["the Cat sat on mat"], ["on the mat"]])
add("nothing in common", ["a b c d e", "f"], [["v w x y z"], ["q"]])
add("empty sentences", ["", "the Cat", "  "], [["the Cat"], [""], ["on mat."]])
add("all empty", ["", ""], [["a"], ["b c"]])
add("short", ["the"], [["the Cat sat on the mat"]])
add("the same", base, [[t] for t in base])
result = []
for name, cands, refs in sets:
    streams = [list(r) for r in zip(*refs)]
    for tok in ["13a", "none"]:
        for lc in [False, True]:
            b = BLEU(tokenize=tok, lowercase=lc); c = CHRF(lowercase=lc)
            s = b.corpus_score(cands, streams); h = c.corpus_score(cands, streams)
            result.append({"name": name, "tokenizer": tok, "lowercase": lc, "candidates": cands, "references": refs,
                "bleu": s.score, "precisions": s.precisions, "brevity_penalty": s.bp, "lengths": [s.sys_len, s.ref_len], "chrf": h.score,
                "signature": str(b.get_signature()).rsplit("|version", 1)[0], "chrf_signature": str(c.get_signature()).rsplit("|version", 1)[0]})
# The texts once, the scores of each way.
out = []
for name, cands, refs in sets:
    own = [r for r in result if r["name"] == name]
    out.append({"name": name, "candidates": cands, "references": refs,
        "scores": [{k: v for k, v in r.items() if k not in ("name", "candidates", "references")} for r in own]})
print(json.dumps(out, ensure_ascii=True, indent=None))
