// What is read of an answer, and how an API is asked.
#include "hone/cost/llm/probe_request.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "probe_options.h"

namespace hone::cost {
namespace {

using test::Folder;
using test::ServerReply;
using test::ServerRequest;
using test::SmallServer;

/// A stream of `pieces`, whatever was asked; the number that the answer is told as follows.
ProbeResult answered(const std::vector<std::string>& pieces, const std::string& headers = "",
                     int status = 200) {
  const Folder folder;
  SmallServer server([&](const ServerRequest&) {
    ServerReply reply;
    reply.status = status;
    reply.headers += headers;
    reply.pieces = pieces;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.prompts = {16};
  options.outputs = {4};
  options.repeats = 1;
  options.retries = 0;
  return probe_llm(options);
}

std::string counted(int output, const char* more = "") {
  return fmt::format(
      "data: {{\"choices\": [{{\"delta\": {{\"content\": \"1\"}}{}}}], \"usage\": "
      "{{\"prompt_tokens\": 16, \"completion_tokens\": {}}}}}\n\n",
      more, output);
}

TEST(LlmProbe, AStreamIsWholeOnlyWhereItSaysSo) {
  // Usage that is counted as it runs says of a stream that broke off only how far it came.
  const ProbeResult cut = answered({counted(1), counted(2)});
  EXPECT_EQ(cut.measured, 0);
  EXPECT_EQ(cut.last_failure, "the stream broke off");
  EXPECT_GT(cut.tokens, 16 + 4) << "it may have been billed whole";
  EXPECT_EQ(answered({counted(1), counted(2), "data: [DONE]\n\n"}).measured, 1) << "it ended early";
  EXPECT_EQ(answered({counted(1), counted(2, ", \"finish_reason\": \"stop\"")}).measured, 1);
  EXPECT_EQ(answered({counted(1), counted(2, ", \"finish_reason\": null")}).measured, 0);
  EXPECT_EQ(answered({counted(4)}).measured, 1) << "all that was asked for";
}

TEST(LlmProbe, AStreamThatSaidItIsWholeIsNotWaitedFor) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    if (asked++ % 2 == 1) {  // as some end: the last choice with its usage, no [DONE]
      reply.pieces.pop_back();
      Json usage = Json::parse(reply.pieces.back().substr(6));
      usage["choices"] = Json::parse(R"([{"delta": {}, "finish_reason": "length"}])");
      reply.pieces.back() = "data: " + usage.dump() + "\n\n";
    }
    reply.late_s = 20.0;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.repeats = 1;
  options.retries = 0;
  options.timeout_s = 5.0;
  const double start = test::seconds();
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 4) << result.last_failure;
  EXPECT_LT(test::seconds() - start, 15.0);
  EXPECT_LT(result.tokens, 4 * (64 + 6 + 4)) << "what the API counted, not the worst";
  // Nor does an end that comes late count as the model's time.
  SmallServer late([&](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    reply.late_s = 0.15;
    return reply;
  });
  options = test::probe_options(late, folder);
  options.file = folder.file("late.jsonl");
  options.prompts = {16};
  double fastest = 1.0;
  for (const auto& point : probe_llm(options).points) fastest = std::min(fastest, point.seconds);
  EXPECT_LT(fastest, 0.1);
}

TEST(LlmProbe, WhateverTheModelWritesFirstIsItsFirstToken) {
  const auto first_of = [](const std::string& delta, const char* details = "") {
    const Folder folder;
    SmallServer server([&](const ServerRequest&) {
      ServerReply reply;
      reply.pieces = {
          "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": "
          "[]}}]}\n\n",
          "data: {\"choices\": [{\"delta\": " + delta + "}]}\n\n",
          "data: {\"choices\": [{\"delta\": {}}]}\n\n",
          "data: {\"choices\": [{\"delta\": {\"content\": \"1\"}}]}\n\n",
          fmt::format("data: {{\"choices\": [], \"usage\": {{\"prompt_tokens\": 16, \"completion_tokens\": "
                      "4{}}}}}\n\n",
                      details),
          "data: [DONE]\n\n"};
      reply.pause_s = 0.01;
      return reply;
    });
    ProbeOptions options = test::probe_options(server, folder);
    options.prompts = {16};
    options.outputs = {4};
    const ProbeResult result = probe_llm(options);
    std::pair<double, double> shares{1.0, 0.0};  // of the time, until the first token: least and most
    for (const auto& point : result.points) {
      const double share = point.first_token_s / point.seconds;
      shares = {std::min(shares.first, share), std::max(shares.second, share)};
      EXPECT_EQ(std::isnan(share), details[0] != '\0') << delta;
    }
    EXPECT_EQ(result.json()["untimed"], details[0] == '\0' ? 0 : 2) << delta;
    return shares;
  };
  for (const char* delta : {R"({"content": "1"})", R"({"reasoning_content": "1"})", R"({"reasoning": "1"})",
                            R"({"refusal": "1"})", R"({"tool_calls": [{"function": {"name": "one"}}]})",
                            R"({"content": [{"type": "thinking"}]})"})
    EXPECT_LT(first_of(delta).first, 0.5) << delta;
  for (const char* delta : {R"({})", R"({"reasoning": null})", R"({"reasoning": "", "content": ""})"})
    EXPECT_GT(first_of(delta).second, 0.5) << delta;
  first_of("{}", R"(, "completion_tokens_details": {"reasoning_tokens": 3})");  // thought, and did not say it
}

TEST(LlmProbe, AnAnswerThatCameAllAtOnceHasNoFirstTokensTime) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    std::string whole;
    for (const std::string& piece : reply.pieces) whole += piece;
    reply.pieces = {whole};
    reply.pause_s = 0.2;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.prompts = {16};
  options.outputs = {1, 32};
  options.repeats = 3;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 6);
  EXPECT_GE(result.json()["untimed"], 1) << "unless this machine was held up as it read";
  for (const auto& point : result.points)
    if (point.output_tokens == 1.0) {
      EXPECT_FALSE(std::isnan(point.first_token_s)) << "of one token there is nothing to tell apart";
    }
}

TEST(LlmProbe, ReadsEveryFormOfEvents) {
  const std::string usage = "{\"prompt_tokens\": 16.0, \"completion_tokens\": 4.0}";
  const std::string one = "{\"choices\": [{\"text\": \"1\"}],\ndata: \"usage\": " + usage + "}";
  EXPECT_EQ(answered({"data: " + one + "\n\n", "data: [DONE] \n\n"}).measured, 1);
  EXPECT_EQ(answered({"data: " + one}).measured, 1) << "no end of its line";
  std::string returns = "data: " + one + "\n\ndata: [DONE]\n\n";
  std::replace(returns.begin(), returns.end(), '\n', '\r');
  EXPECT_EQ(answered({returns}).measured, 1);
  EXPECT_THROW(answered({"data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 16.5, "
                         "\"completion_tokens\": 4}}\n\ndata: [DONE]\n\n"}),
               Error)
      << "half a token";
}

TEST(LlmProbe, AsksAsTheApiWantsIt) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ++asked;
    Json body = Json::parse(request.body);
    ServerReply reply;
    reply.status = 400;
    if (body.contains("max_tokens")) {
      reply.pieces = {
          R"({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this )"
          R"(model. Use 'max_completion_tokens' instead."}})"};
      return reply;
    }
    if (body.contains("temperature")) {
      reply.pieces = {
          R"({"error": {"message": "Unsupported value: 'temperature' does not support 0 with this )"
          R"(model. Only the default (1) value is supported."}})"};
      return reply;
    }
    if (body.contains("stream_options")) {
      reply.status = 422;
      reply.pieces = {R"({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not )"
                      R"(permitted"}]})"};
      return reply;
    }
    ServerRequest plain = request;
    body["max_tokens"] = body["max_completion_tokens"];
    plain.body = body.dump();
    return test::model_reply(plain);
  });
  const ProbeResult result = probe_llm(test::probe_options(server, folder));
  EXPECT_EQ(result.measured, 8);
  EXPECT_EQ(result.failed + result.retried, 0);
  EXPECT_EQ(asked.load(), 8 + 3) << "it is remembered";
  // What is refused whatever is asked is refused.
  SmallServer never([&](const ServerRequest&) {
    ServerReply reply;
    reply.status = 400;
    reply.pieces = {"neither temperature nor max_completion_tokens nor stream_options"};
    return reply;
  });
  ProbeOptions options = test::probe_options(never, folder);
  options.file = folder.file("other.jsonl");
  EXPECT_THROW(probe_llm(options), Error);
}

TEST(LlmProbe, QuotesWhatCameInstead) {
  EXPECT_EQ(answered({"<html>login</html>"}).last_failure, "the answer is malformed: <html>login</html>");
  EXPECT_EQ(answered({}).last_failure, "the answer is empty");
  try {
    answered({}, "Location: http://127.0.0.1:1/v1/chat/completions\r\n", 307);
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("status 307: it sends to http://127.0.0.1:1/v1/chat"), std::string::npos)
        << error.what();
  }
}

TEST(EventReader, PutsPiecesTogether) {
  EventReader reader;
  std::vector<std::string> events;
  const auto take = [&](std::string_view event) { events.emplace_back(event); };
  for (const char* piece : {"da", "ta: {\"a\"", ": 1}\r\n\r\n: comment\nda", "ta:[DONE]", "\n"})
    reader.feed(piece, take);
  EXPECT_EQ(events, (std::vector<std::string>{"{\"a\": 1}", "[DONE]"}));
  events.clear();
  for (const char* piece :
       {"data: {\"b\":\r", "\ndata:  2}", "\r\rdata: no\n", "data: object\n\ndata:\n", "data: end"})
    reader.feed(piece, take);
  reader.finish(take);
  EXPECT_EQ(events, (std::vector<std::string>{"{\"b\":\n2}", "no\nobject", "end"}));
}

}  // namespace
}  // namespace hone::cost
