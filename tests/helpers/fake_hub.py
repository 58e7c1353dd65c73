"""A small server that speaks the endpoints of the Hub that a push uses, with LFS as its file store."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class FakeHub:
    """`repos`: name -> {"private", "branches": name -> {path: bytes}}; `log` holds (method, path) pairs."""

    def __init__(self, token: str = "hf_test"):
        self.token, self.repos, self.objects, self.log = token, {}, {}, []
        self.uploads: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def files(self, repo: str, branch: str = "main") -> dict[str, bytes]:
        return self.repos[repo]["branches"][branch]


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=None, **headers):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        path = unquote(urlsplit(self.path).path)
        self.hub.log.append((self.command, path))
        data = self.body()
        if self.command == "PUT":  # a signed address carries its own right
            self.hub.objects[path.rsplit("/", 1)[1]] = data
            self.hub.uploads.append(hashlib.sha256(data).hexdigest())
            return self.reply(200)
        if path == "/api/validate-yaml":
            return self.reply(200, {"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.reply(401, {"error": "Invalid credentials in Authorization header"})
        if path == "/api/repos/create":
            wanted = json.loads(data)
            name = f"{wanted['organization']}/{wanted['name']}"
            private = wanted.get("visibility") == "private" or wanted.get("private") is True
            self.hub.repos.setdefault(name, {"private": private, "branches": {"main": {}}})
            return self.reply(200, {"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": "1"})
        parts = path.removeprefix("/api").removeprefix("/datasets/").removeprefix("/models/").split("/")
        return self.in_repo("/".join(parts[:2]).removesuffix(".git"), parts[2:], data)

    do_GET = do_POST = do_PUT = handle_any

    def in_repo(self, name, parts, data):
        repo = self.hub.repos.get(name)
        if repo is None:
            return self.reply(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        branches = repo["branches"]
        if parts[:2] == ["info", "lfs"]:
            return self.reply(200, self.lfs(json.loads(data)))
        if not parts or parts[0] == "revision":
            return self.reply(
                200, {"id": name, "_id": "1", "sha": "0" * 40, "private": repo["private"], "tags": []}
            )
        verb, branch = parts[0], "/".join(parts[1:]) or "main"
        if verb == "branch":
            branches[branch] = dict(branches["main"])
            return self.reply(200, {})
        if branch not in branches:
            return self.reply(404, {"error": f"Invalid rev id: {branch}"}, X_Error_Code="RevisionNotFound")
        if verb == "tree":
            return self.reply(200, [entry(path, content) for path, content in branches[branch].items()])
        if verb == "preupload":
            wanted = json.loads(data)["files"]
            modes = [
                {"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False, "oid": None}
                for f in wanted
            ]
            return self.reply(200, {"files": modes})
        if verb == "commit":
            for line in data.splitlines():
                self.apply(json.loads(line), branches[branch])
            url = f"{self.hub.url}/datasets/{name}/commit/{'1' * 40}"
            return self.reply(
                200, {"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""}
            )
        return self.reply(404, {"error": f"no endpoint {self.path}"})

    def apply(self, line, files):
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = self.hub.objects[value["oid"]]
        elif line["key"] == "deletedFile":
            del files[value["path"]]

    def lfs(self, batch):
        def action(item):
            known = item["oid"] in self.hub.objects
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{item['oid']}"}}
            return {**item, **({} if known else {"actions": upload})}

        return {"transfer": "basic", "objects": [action(item) for item in batch["objects"]]}


def mode(path: str) -> str:
    return "lfs" if path.endswith((".parquet", ".png")) else "regular"


def entry(path: str, content: bytes) -> dict:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    row = {"type": "file", "path": path, "size": len(content), "oid": blob}
    return row | ({"lfs": lfs} if mode(path) == "lfs" else {})
