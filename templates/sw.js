{% load static %}/* Shows a page of our own when the server does not answer; everything else goes its usual way. */
const CACHE = "nightshift-offline-{{ stand }}";
const PARTS = ["{% url 'offline' %}", "{% static 'dash.css' %}", "{% static 'tokens.css' %}", "{% static 'icon.svg' %}", "{% static 'offline.js' %}"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PARTS)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("nightshift-offline-") && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate" && event.request.method === "GET") {
    event.respondWith(fetch(event.request).catch(() => caches.match(PARTS[0])));
  } else if (PARTS.includes(path)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(event.request)));
  }
});
