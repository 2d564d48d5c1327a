#!/usr/bin/env python3
"""Checks a Limosa evidence file, or a proof of one message, without any of Limosa's code: check-evidence.py FILE PUBLIC-KEY
Exit code 0: all of it is as it was signed. Needs: pip install zstandard cryptography. See docs/evidence-format.md."""
import base64, hashlib, json, struct, sys
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def sha(data): return hashlib.sha256(data).digest()
def need(condition, what):
    if not condition: raise ValueError(what)
class Bytes:
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, count):
        need(self.at + count <= len(self.data), "it ends too early")
        self.at += count
        return self.data[self.at - count:self.at]
    def number(self):
        byte = self.take(1)[0]
        return byte if byte < 128 else byte & 127 | self.number() << 7
    def signed(self): n = self.number(); return n >> 1 ^ -(n & 1)
    def text(self): return self.take(self.number())
    def optional(self, read):
        if self.take(1) == b"\1": read()
def number(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + number(n >> 7)
def signed(n): return number(n << 1 if n >= 0 else ~n << 1 | 1)
def text(t): return number(len(t)) + t
def leaves(block, hashes, rows, seen):
    """The leaves of one block's rows; `seen` counts folders, messages, exceptions, bytes, leaves."""
    folder, before, flags = None, [0, 0, 0, 0], []
    def difference(which):
        before[which] = (before[which] + block.signed() + 2**63) % 2**64 - 2**63
        return before[which]
    for _ in range(rows):
        start, tag = block.at, block.take(1)[0]
        if tag == 1:
            folder, before[:] = text(block.text()) + text(block.text()), [0, 0, 0, 0]
            tag = block.take(1)[0]
        seen[4] += 1
        if tag & 15 == 2:
            need(folder, "a message is in no folder")
            leaf = bytes([tag]) + folder
            for which in 0, 1: leaf += text(block.text()) if tag & 16 << which else number(difference(which))
            if tag & 64: leaf += signed(difference(2)) + signed(difference(3))
            size, index = block.number(), block.number()
            if index == len(flags):
                names = [text(block.text()) for _ in range(block.number())]
                flags.append(number(len(names)) + b"".join(names))
            need(index < len(flags), "flags are not known yet")
            seen[1] += 1; seen[3] += size
            yield leaf + number(size) + hashes.take(32) + (hashes.take(12) if tag & 128 else b"") + flags[index]
            continue
        if tag == 3:
            block.text(), (block.text if block.take(1) == b"\1" else block.number)()
            for read in block.text, block.text, lambda: (block.signed(), block.signed()), block.number:
                block.optional(read)
            block.text(), block.text(), block.optional(lambda: (block.text(), block.text(), block.signed()))
        else:
            need(tag == 4, "a row is of no known kind")
            block.text(), block.text(), block.number(), block.number()
        seen[2 if tag == 3 else 0] += 1
        yield block.data[start:block.at]
    need(block.at == len(block.data) and hashes.at == len(hashes.data), "a block holds more than its rows")

def check_footer(head, footer, signature, key):
    need(footer[80:112] == key, "it is signed by another key, " + base64.b64encode(footer[80:112]).decode())
    try: Ed25519PublicKey.from_public_bytes(key).verify(signature, b"limosa evidence 1\n" + sha(head) + footer)
    except InvalidSignature: raise ValueError("the signature is not valid")
    return struct.unpack_from("<q5Q", footer), footer[48:80]
def check_file(data, key):
    file = Bytes(data)
    need(file.take(8) == b"LIMOSAEV", "this is not an evidence file")
    version, length = struct.unpack("<HI", file.take(6))
    need(version == 1, f"it has format {version}, and 1 is known here")
    header, head = json.loads(file.take(length)), data[:file.at]
    need(file.take(32) == sha(head), "the header's sum is another")
    edge, seen, blocks = [], [0] * 5, 0
    while (tag := file.take(1)) == b"B":
        blocks, start = blocks + 1, file.at - 1
        rows, plain, packed, hashed = struct.unpack("<4I", file.take(16))
        packed, hashes = file.take(packed), Bytes(file.take(hashed))
        need(sha(data[start:file.at]) == file.take(32), f"the sum of block {blocks} is another")
        block = zstandard.ZstdDecompressor().decompress(packed, max_output_size=plain)
        need(len(block) == plain, f"block {blocks} is not as long as it says")
        for leaf in leaves(Bytes(block), hashes, rows, seen):
            size, node = 1, sha(b"\0" + leaf)
            while edge and edge[-1][0] == size: node, size = sha(b"\1" + edge.pop()[1] + node), size * 2
            edge.append((size, node))
    need(tag == b"F", f"what follows block {blocks} is no block")
    (_, *counts), root = check_footer(head, file.take(112), file.take(64), key)
    need(file.at == len(data), "something follows the footer")
    need(counts == seen, "the counts are others")
    node = edge.pop()[1] if edge else sha(b"")
    while edge: node = sha(b"\1" + edge.pop()[1] + node)
    need(node == root, "the root is another")
    return f"{header['source']} -> {header['target']}: {seen[1]} messages, {seen[2]} exceptions, root {root.hex()}"

def check_proof(proof, key):
    (*_, total), root = check_footer(*(base64.b64decode(proof[name]) for name in ("head", "footer", "signature")), key)
    wanted = sha(proof["message_id"].strip().removeprefix("<").removesuffix(">").encode())[:12]
    for message in proof["messages"]:
        leaf, at, last = base64.b64decode(message["leaf"]), message["index"], total - 1
        node, digest = sha(b"\0" + leaf), bytes.fromhex(message["record"]["digest"])
        need(digest + wanted in leaf, "a message is of another digest or Message-ID")
        for sibling in map(bytes.fromhex, message["path"]):
            need(last > 0, "a path is too long")
            left = at & 1 or at == last
            node = sha(b"\1" + (sibling + node if left else node + sibling))
            while left and not at & 1 and at: at, last = at >> 1, last >> 1
            at, last = at >> 1, last >> 1
        need(last == 0 and node == root, "a message is not under the root")
    need(proof["messages"], "it proves nothing")
    return f"{len(proof['messages'])} message(s) with Message-ID {proof['message_id']} under root {root.hex()}"

if len(sys.argv) != 3: sys.exit(__doc__)
data, key = open(sys.argv[1], "rb").read(), base64.b64decode(sys.argv[2])
try:
    print("good:", check_proof(json.loads(data), key) if data[:1] == b"{" else check_file(data, key))
except (ValueError, KeyError, TypeError, RecursionError, zstandard.ZstdError) as error:
    sys.exit(f"refused: {error}")
