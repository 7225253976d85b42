#pragma once

#include <sstream>

#include "../small_server.h"
#include "hone/base/json.h"

namespace hone::test {

/// A model that counts a token a word and writes as many as it is asked for, as a streaming API answers.
inline ServerReply model_reply(const ServerRequest& request, bool usage = true) {
  const Json asked = Json::parse(request.body);
  const bool chat = asked.contains("messages");
  std::istringstream words(chat ? asked["messages"][0]["content"].get<std::string>()
                                : asked["prompt"].get<std::string>());
  std::int64_t prompt = chat ? 4 : 0;
  for (std::string word; words >> word;) ++prompt;
  const auto output = asked["max_tokens"].get<std::int64_t>();
  ServerReply reply;
  for (std::int64_t i = 0; i < output; ++i) {
    const Json choice =
        chat ? Json{{"index", 0}, {"delta", {{"content", "1 "}}}} : Json{{"index", 0}, {"text", "1 "}};
    reply.pieces.push_back("data: " + Json{{"choices", Json::array({choice})}}.dump() + "\n\n");
  }
  if (usage)
    reply.pieces.push_back("data: " +
                           Json{{"choices", Json::array()},
                                {"usage", {{"prompt_tokens", prompt}, {"completion_tokens", output}}}}
                               .dump() +
                           "\n\n");
  reply.pieces.emplace_back("data: [DONE]\n\n");
  return reply;
}

}  // namespace hone::test
