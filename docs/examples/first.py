"""An agent with inspan's own client."""

import inspan

client = inspan.Client(service="shop")


@client.span("search", type="KB_RETRIEVAL")
def search(question: str) -> list[str]:
    return [f"a page about {question}"]


with client.span("agent.turn", input={"question": "llamas"}) as turn:
    pages = search("llamas")
    with client.span("llm.chat", type="COMPLETION", input={"pages": pages}) as call:
        call.output = {"text": "They hum.", "usage": {"input_tokens": 9, "output_tokens": 3}}
    turn.output = {"answer": "They hum."}

client.flush()
print(client.stats())
