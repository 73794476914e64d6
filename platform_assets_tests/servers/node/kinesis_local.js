// Starts kinesis-local (kinesis-mock) and says where it listens. Left alone it binds every interface
// of the machine on two fixed ports; here both of its servers bind SERVER_HOST on free ports.
require("./leash.js");

const net = require("net");
const path = require("path");

const host = process.env.SERVER_HOST || "127.0.0.1";
const PLAIN = 4568; // the port that it asks for where it speaks without TLS
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (asked, ...given) {
  const plain = (typeof asked === "object" ? asked.port : asked) === PLAIN;
  const ready = given.filter((argument) => typeof argument === "function");
  const port = plain ? Number(process.env.SERVER_PORT || 0) : 0;
  this.once("listening", () => {
    if (plain) console.log(`listening on port ${this.address().port}`);
  });
  return listen.call(this, { port, host }, ...ready);
};

const main = require.resolve("kinesis-local");
process.env.KINESIS_MOCK_PLAIN_PORT = String(PLAIN);
process.env.KINESIS_MOCK_CERT_PATH = path.join(path.dirname(main), "server.json");
require(main);
