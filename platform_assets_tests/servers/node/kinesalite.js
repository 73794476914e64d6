// Starts kinesalite on SERVER_HOST and SERVER_PORT (0: any free port) and says where it listens.
// `POST /clock` with a number moves the server's clock forward by so many seconds: iterators expire
// after 300 of them and records after their retention, without a test having to wait. Its answers carry
// that clock's date.
// `POST /lose` with {"stream", "shard", "sequence"} deletes a record from the server's store, as no
// Kinesis ever should: a reader has to find out.
require("./leash.js");

const now = Date.now;
let ahead = 0;
Date.now = () => now() + ahead;

const database = require("kinesalite/db");
const create = database.create;
let store;
database.create = (options) => (store = create(options));

const acts = {
  "/clock": (body, done) => {
    ahead += Number(body) * 1000;
    done();
  },
  "/lose": (body, done) => {
    const { stream, shard, sequence } = JSON.parse(body);
    const key = `${database.shardIxToHex(database.resolveShardId(shard).shardIx)}/${sequence}`;
    store.getStreamDb(stream).del(key, done);
  },
};

const server = require("kinesalite")({
  createStreamMs: Number(process.env.KINESIS_CREATE_MS || 10),
  deleteStreamMs: 10,
  updateStreamMs: Number(process.env.KINESIS_UPDATE_MS || 50),
  shardLimit: 100000,
});

const [answer] = server.listeners("request");
server.removeAllListeners("request");
server.on("request", (request, response) => {
  // Node would tell the machine's time here, and a client asks this header what time it is.
  response.setHeader("Date", new Date(Date.now()).toUTCString());
  const act = acts[request.url];
  if (!act) return answer(request, response);
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () =>
    act(body, (error) => {
      response.statusCode = error ? 500 : 200;
      response.end(String(error || Date.now()));
    }),
  );
});

const host = process.env.SERVER_HOST || "127.0.0.1";
server.listen(Number(process.env.SERVER_PORT || 0), host, () => {
  console.log(`listening on port ${server.address().port}`);
});
