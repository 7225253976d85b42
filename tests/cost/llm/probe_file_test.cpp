// What a probe's file holds, whatever became of the probe.
#include "hone/cost/llm/probe.h"
#include "probe_options.h"

namespace hone::cost {
namespace {

using test::Folder;
using test::ServerReply;
using test::ServerRequest;
using test::SmallServer;

TEST(LlmProbe, GoesOnBehindALineThatWasCutOff) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) { return test::model_reply(request); });
  const ProbeOptions options = test::probe_options(server, folder);
  const std::int64_t all = probe_llm(options).tokens;
  const std::string before = folder.read("probe.jsonl");
  const std::size_t last = before.rfind('\n', before.size() - 2) + 1;
  for (const std::size_t kept : {last + 1, last + 20, before.size() - 2}) {
    folder.write("probe.jsonl", before.substr(0, kept));
    const ProbeResult result = probe_llm(options);
    EXPECT_EQ(result.measured, 1) << kept;
    EXPECT_EQ(result.points.size(), 8u) << kept;
    EXPECT_GT(result.tokens, all) << "nobody knows what it cost: " << kept;
    EXPECT_EQ(probe_llm(options).tokens, result.tokens) << "counted once: " << kept;
  }
  folder.write("probe.jsonl", before.substr(0, before.size() - 1));  // whole, but for its end
  const ProbeResult whole = probe_llm(options);
  EXPECT_EQ(whole.measured, 0);
  EXPECT_EQ(whole.tokens, all);
  EXPECT_EQ(folder.read("probe.jsonl"), before);
  // What is no line of a probe stays as it is.
  for (const char* notes : {"notes", "{\"mine\": ", "{\"model\": \"m\"}"}) {
    folder.write("probe.jsonl", notes);
    EXPECT_THROW(probe_llm(options), Error) << notes;
    EXPECT_EQ(folder.read("probe.jsonl"), notes);
  }
}

TEST(LlmProbe, WhatAKilledProbeAskedForIsCounted) {
  const Folder folder;
  std::vector<std::string> left;  // what a probe leaves that is killed while it waits for an answer
  std::vector<std::int64_t> paid;
  std::int64_t spent = 0;
  SmallServer server([&](const ServerRequest& request) {
    const ServerReply reply = test::model_reply(request);
    const Json usage = Json::parse(reply.pieces[reply.pieces.size() - 2].substr(6))["usage"];
    spent += usage["prompt_tokens"].get<std::int64_t>() + usage["completion_tokens"].get<std::int64_t>();
    left.push_back(folder.read("probe.jsonl"));
    paid.push_back(spent);
    return reply;
  });
  const ProbeOptions options = test::probe_options(server, folder);
  ASSERT_EQ(probe_llm(options).tokens, spent) << "an answer counts in its request's place";
  ASSERT_EQ(left.size(), 8u);
  for (std::size_t i = 0; i < left.size(); ++i) {
    ProbeOptions after = options;
    after.file = folder.file("killed.jsonl");
    after.budget_tokens = 1;  // nothing more is asked
    folder.write("killed.jsonl", left[i]);
    const ProbeResult result = probe_llm(after);
    EXPECT_GE(result.tokens, paid[i]) << i;
    EXPECT_LT(result.tokens, paid[i] + 600) << i;
    EXPECT_EQ(result.left, 8 - static_cast<std::int64_t>(i));
    EXPECT_EQ(result.points.size(), i) << "a request is no point";
    EXPECT_EQ(folder.read("killed.jsonl"), left[i]);
    // Where the answer's line was begun it is the same request's still.
    folder.write("killed.jsonl", left[i] + "{\"model\":\"m\",\"target");
    EXPECT_EQ(probe_llm(after).tokens, result.tokens) << i;
    EXPECT_EQ(folder.read("killed.jsonl"), left[i]);
  }
  // Killed again and again, it does not pass the limit.
  folder.write("killed.jsonl", left[0] + left[0] + left[0]);
  ProbeOptions after = options;
  after.file = folder.file("killed.jsonl");
  after.budget_tokens = 3 * paid[0];
  EXPECT_EQ(probe_llm(after).stopped, "the next request could pass the budget");
  EXPECT_EQ(left.size(), 8u);
}

TEST(LlmProbe, PaysForNothingThatCannotBeWritten) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ++asked;
    return test::model_reply(request);
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.file = "/dev/full";
  try {
    probe_llm(options);
    ADD_FAILURE() << "it was written";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment) << error.what();
    EXPECT_NE(error.message().find("/dev/full"), std::string::npos) << error.what();
  }
  EXPECT_EQ(asked.load(), 0);
}

TEST(LlmProbe, HasItsFileAlone) {
  const Folder folder;
  std::atomic<int> refused{0};
  ProbeOptions second;
  SmallServer server([&](const ServerRequest& request) {
    try {
      probe_llm(second);
    } catch (const Error& error) {
      if (error.message().find("another probe") != std::string::npos) ++refused;
    }
    return test::model_reply(request);
  });
  second = test::probe_options(server, folder);
  EXPECT_EQ(probe_llm(test::probe_options(server, folder)).measured, 8);
  EXPECT_EQ(refused.load(), 8);
}

}  // namespace
}  // namespace hone::cost
