"""The page of a blind comparison: HTML, style and script in one, with nothing loaded from anywhere.

``@TITLE@`` and ``@CONTENT@`` are filled in. Votes stay in the browser's own storage until they are saved as CSV.
"""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 1400px; padding: 0 1rem; color: #222; }
main { display: flex; gap: 1rem; flex-wrap: wrap; align-items: flex-start; }
figure { flex: 1 1 300px; margin: 0; text-align: center; }
figure img { width: 100%; height: auto; }
button { font: inherit; padding: .5rem 1rem; margin: .25rem; cursor: pointer; }
button.chosen { outline: 3px solid #2563eb; }
nav { margin: 1rem 0; text-align: center; }
</style>
<h1 id="question"></h1>
<p id="label"></p>
<main>
<figure id="original" hidden><img alt="the photo before"><figcaption>the photo before</figcaption></figure>
<figure><img id="left" alt="left picture"><button data-choice="left">Left (1)</button></figure>
<figure><img id="right" alt="right picture"><button data-choice="right">Right (2)</button></figure>
</main>
<nav>
<button data-choice="same">No difference (3)</button><br>
<button id="back">Back</button> <span id="place"></span> <button id="forward">Forward</button><br>
<button id="save">Save votes as CSV</button>
</nav>
<script type="application/json" id="content">@CONTENT@</script>
<script>
"use strict";
const CHOICES = ["left", "right", "same"];

// Pure: what the tests run without a browser.
function cleaned(pairs, stored) {
  const votes = {};
  for (const pair of pairs) {
    if (stored && CHOICES.includes(stored[pair.id])) votes[pair.id] = stored[pair.id];
  }
  return votes;
}
function firstOpen(pairs, votes, from) {
  for (let step = 0; step < pairs.length; step++) {
    const at = (from + step) % pairs.length;
    if (!(pairs[at].id in votes)) return at;
  }
  return Math.min(from, pairs.length - 1);
}
function csvOf(page, pairs, votes) {
  const lines = ["page,pair,choice"];
  for (const pair of pairs) {
    if (pair.id in votes) lines.push([page, pair.id, votes[pair.id]].join(","));
  }
  return lines.join("\\n") + "\\n";
}

function start() {
  const content = JSON.parse(document.getElementById("content").textContent);
  const key = "smartmask-ab-" + content.page;
  const find = (id) => document.getElementById(id);
  let stored = null;
  try { stored = JSON.parse(localStorage.getItem(key)); } catch (error) { stored = null; }
  const votes = cleaned(content.pairs, stored);
  let at = firstOpen(content.pairs, votes, 0);
  function show() {
    const pair = content.pairs[at];
    find("left").src = pair.left;
    find("right").src = pair.right;
    find("label").textContent = pair.label;
    find("original").hidden = !pair.photo;
    if (pair.photo) find("original").querySelector("img").src = pair.photo;
    const count = Object.keys(votes).length;
    find("place").textContent = "pair " + (at + 1) + " of " + content.pairs.length + ", " + count + " votes";
    for (const button of document.querySelectorAll("[data-choice]")) {
      button.classList.toggle("chosen", votes[pair.id] === button.dataset.choice);
    }
  }
  function move(step) {
    at = Math.min(Math.max(at + step, 0), content.pairs.length - 1);
    show();
  }
  function vote(choice) {
    votes[content.pairs[at].id] = choice;
    try { localStorage.setItem(key, JSON.stringify(votes)); } catch (error) { /* private mode: until the tab closes */ }
    at = firstOpen(content.pairs, votes, at);
    show();
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csvOf(content.page, content.pairs, votes)], { type: "text/csv" }));
    link.download = "votes_" + content.page + ".csv";
    link.click();
  }
  for (const button of document.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", () => vote(button.dataset.choice));
  }
  find("back").addEventListener("click", () => move(-1));
  find("forward").addEventListener("click", () => move(1));
  find("save").addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if (["1", "2", "3"].includes(event.key)) vote(CHOICES[event.key - 1]);
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
  });
  find("question").textContent = content.question;
  show();
}
if (typeof document !== "undefined") start();
</script>
</html>
"""
