/** How to use the endpoint that npm start brought up. */
export function howToCall(endpoint: string, model: string, inventoryFile: string): string {
  return `
The agent is serving an OpenAI-compatible API at ${endpoint}

  curl ${endpoint}/chat/completions -H 'Content-Type: application/json' \\
    -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 64, "stream": true}'

  # Python: pip install openai
  from openai import OpenAI
  client = OpenAI(base_url="${endpoint}", api_key="any")
  answer = client.chat.completions.create(
      model="${model}", messages=[{"role": "user", "content": "Hello!"}], max_tokens=64
  )
  print(answer.choices[0].message.content)

  // JavaScript: npm install openai
  import OpenAI from 'openai';
  const client = new OpenAI({ baseURL: '${endpoint}', apiKey: 'any' });
  const answer = await client.chat.completions.create({
    model: '${model}', messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 64,
  });
  console.log(answer.choices[0].message.content);

  ./bin/mlxfleet -i ${inventoryFile} status

It serves until you press Ctrl-C.
`;
}
