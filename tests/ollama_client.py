"""The official `ollama` client against the simulated server. Prints OK, or fails where it stands.

Usage: ollama_client.py URL
"""

import sys

import ollama

PLAIN, THINKS, EXTRA = "fast:1b", "fast-think:1b", "fast-extra:1b"
PROMPT = "What is time?"
MESSAGES = [{"role": "user", "content": PROMPT}]
OPTIONS = {"num_predict": 12, "seed": 1}

client = ollama.Client(host=sys.argv[1], trust_env=False)

# list
names = [m.model for m in client.list().models]
assert names == [PLAIN, THINKS], names
assert client.list().models[0].details.parameter_size == "1.2B"

# show
shown = client.show(THINKS)
assert "thinking" in shown.capabilities, shown
assert shown.modelinfo["general.simulated_by"] == "tokometer", shown
assert shown.modified_at is not None

# chat, streamed and not, say the same
parts = list(client.chat(PLAIN, MESSAGES, stream=True, options=OPTIONS))
assert len(parts) == 13 and parts[-1].done and parts[-1].done_reason == "length", parts
assert parts[-1].eval_count == 12 and parts[-1].eval_duration > 0, parts[-1]
whole = client.chat(PLAIN, MESSAGES, options=OPTIONS)
assert whole.message.content == "".join(p.message.content for p in parts), whole

# thinking
thought = client.chat(THINKS, MESSAGES, think=True, options={"seed": 1})
assert thought.message.thinking and thought.message.content, thought
assert not client.chat(THINKS, MESSAGES, think=False).message.thinking

# generate, streamed and not, say the same
parts = list(client.generate(PLAIN, PROMPT, stream=True, options=OPTIONS))
whole = client.generate(PLAIN, PROMPT, options=OPTIONS)
assert whole.response == "".join(p.response for p in parts), whole
assert len(whole.context) == whole.prompt_eval_count + whole.eval_count
assert client.generate(PLAIN).done_reason == "load"

# ps
running = {m.model: m for m in client.ps().models}
assert set(running) == {PLAIN, THINKS}, running
assert running[PLAIN].size_vram > 0 and running[PLAIN].context_length == 4096
assert running[PLAIN].expires_at is not None
client.generate(PLAIN, keep_alive=0)
assert [m.model for m in client.ps().models] == [THINKS]

# pull
steps = list(client.pull(EXTRA, stream=True))
assert steps[-1].status == "success" and any(s.completed for s in steps), steps
assert EXTRA in [m.model for m in client.list().models]
assert client.pull(PLAIN).status == "success"

# errors reach the client as its own
for status, call in [
    (404, lambda: client.chat("nope", MESSAGES)),
    (400, lambda: client.chat(PLAIN, MESSAGES, think=True)),
    (500, lambda: client.pull("nope")),
]:
    try:
        call()
    except ollama.ResponseError as error:
        assert error.status_code == status, error
    else:
        raise AssertionError(f"no error {status}")

print("OK")
