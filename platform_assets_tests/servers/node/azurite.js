// Starts Azurite's blob service in memory on SERVER_HOST and SERVER_PORT (0: any free port) and says
// where it listens.
require("./leash.js");

const http = require("http");
const listen = http.Server.prototype.listen;
http.Server.prototype.listen = function (...given) {
  this.once("listening", () => console.log(`listening on port ${this.address().port}`));
  return listen.apply(this, given);
};

const host = process.env.SERVER_HOST || "127.0.0.1";
const port = process.env.SERVER_PORT || "0";
process.argv.push("--blobHost", host, "--blobPort", port);
process.argv.push("--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck");
require("azurite/dist/src/blob/main.js");
