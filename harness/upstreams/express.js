// Express: one server that answers with the path its routes see, one with the file that `express.static` would open.
// Prints both ports. Ends when its standard input does.
"use strict";

const express = require("express");
const SendStream = require("send");

const listen = (app) =>
    new Promise((resolve) => {
        const server = app.listen(0, "127.0.0.1", () => resolve(server.address().port));
    });

(async () => {
    const routes = express();
    routes.use((request, response) => response.end(request.path, "latin1"));

    // `send` resolves the path and then opens the file; the answer is the resolved path instead.
    const root = "/srv/www";
    const resolved = (request, response) => {
        const stream = SendStream(request, require("parseurl")(request).pathname, { root, dotfiles: "allow" });
        stream.sendFile = (path) => response.end(path.slice(root.length) || "/");
        stream.sendIndex = stream.sendFile;
        stream.on("error", (error) => response.writeHead(error.status).end());
        stream.pipe(response);
    };
    const files = express();
    files.use(resolved);

    console.log(`${await listen(routes)} ${await listen(files)}`);
    process.stdin.on("end", () => process.exit(0)).resume();
})();
