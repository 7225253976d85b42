#include "hone/cost/llm/probe.h"

#include <chrono>
#include <thread>

#include "hone/base/http.h"
#include "probe_options.h"

namespace hone::cost {
namespace {

using test::Folder;
using test::ServerReply;
using test::ServerRequest;
using test::SmallServer;

TEST(LlmProbe, MeasuresWhatTheApiCounts) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) {
    EXPECT_EQ(request.target, "/v1/chat/completions");
    ServerReply reply = test::model_reply(request);
    // Tokens take so long that more of them take longer, whatever the machine is doing.
    std::this_thread::sleep_for(std::chrono::milliseconds(10) * reply.pieces.size());
    return reply;
  });
  const ProbeResult result = probe_llm(test::probe_options(server, folder));
  EXPECT_EQ(result.measured, 8);
  EXPECT_EQ(result.failed, 0);
  EXPECT_EQ(result.stopped, "");
  ASSERT_EQ(result.points.size(), 8u);
  // This server writes an answer all at once: where it is read so, its first token has no time, and is
  // counted.
  std::int64_t untimed = 0;
  for (const auto& point : result.points) {
    EXPECT_NEAR(point.prompt_tokens, point.prompt_tokens > 40 ? 64 : 16, 6);
    EXPECT_GT(point.seconds, 0.0);
    if (std::isnan(point.first_token_s))
      ++untimed;
    else
      EXPECT_LE(point.first_token_s, point.seconds);
  }
  EXPECT_EQ(untimed, result.untimed);
  // Measured once, it is not asked again.
  EXPECT_EQ(probe_llm(test::probe_options(server, folder)).measured, 0);
  // And it can be fitted.
  EXPECT_EQ(fit_llm_runtime(read_llm_points(folder.file("probe.jsonl"))).points, 8);
}

TEST(LlmProbe, AsksPlainCompletionsToo) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) {
    EXPECT_EQ(request.target, "/v1/completions");
    EXPECT_NE(request.body.find("\"prompt\""), std::string::npos);
    return test::model_reply(request);
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.chat = false;
  EXPECT_EQ(probe_llm(options).measured, 8);
}

TEST(LlmProbe, AnErrorThatIsNullIsNone) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    reply.pieces.insert(reply.pieces.begin(), "data: {\"choices\": [], \"error\": null}\n\n");
    return reply;
  });
  EXPECT_EQ(probe_llm(test::probe_options(server, folder)).measured, 8);
}

TEST(LlmProbe, WithoutUsageItSaysWhatIsMissing) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) { return test::model_reply(request, false); });
  try {
    probe_llm(test::probe_options(server, folder));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("usage"), std::string::npos) << error.what();
    EXPECT_EQ(error.hint().find("URL"), std::string::npos) << error.what();
  }
}

TEST(LlmProbe, NeverPassesTheBudget) {
  for (const double dollars : {0.002, 0.01, 0.05}) {
    const Folder folder;
    std::atomic<std::int64_t> in{0}, out{0};
    SmallServer server([&](const ServerRequest& request) {
      const ServerReply reply = test::model_reply(request);
      const Json usage = Json::parse(reply.pieces[reply.pieces.size() - 2].substr(6))["usage"];
      in += usage["prompt_tokens"].get<std::int64_t>();
      out += usage["completion_tokens"].get<std::int64_t>();
      return reply;
    });
    ProbeOptions options = test::probe_options(server, folder);
    options.budget_tokens = 0;
    options.repeats = 50;
    options.budget_dollars = dollars;
    options.dollars_per_1k_in = 0.01;
    options.dollars_per_1k_out = 0.03;
    const ProbeResult first = probe_llm(options);
    EXPECT_EQ(first.stopped, "the next request could pass the budget");
    EXPECT_GT(first.left, 0);
    const auto spent = [&] {
      return 1e-5 * static_cast<double>(in.load()) + 3e-5 * static_cast<double>(out.load());
    };
    EXPECT_LE(spent(), dollars);
    EXPECT_NEAR(first.dollars, spent(), 1e-12);
    // Going on, what the file holds counts: at most a smaller request still fits in.
    const ProbeResult second = probe_llm(options);
    EXPECT_LE(spent(), dollars);
    EXPECT_NEAR(second.dollars, spent(), 1e-12);
    if (dollars > 0.005) {
      EXPECT_GT(first.measured, 2);
    }
  }
}

TEST(LlmProbe, CountsWhatBrokeOffAtItsWorst) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ++asked;
    ServerReply reply = test::model_reply(request);
    reply.pieces.resize(1);
    reply.cut = true;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.budget_tokens = 900;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 0);
  EXPECT_FALSE(result.stopped.empty());
  EXPECT_LE(result.tokens, 900);
  EXPECT_LT(asked.load(), 12) << "each may have been billed";
}

TEST(LlmProbe, RetriesWhatPasses) {
  const Folder folder;
  std::atomic<int> asked{0};
  std::vector<double> waits;
  SmallServer server([&](const ServerRequest& request) {
    const int number = asked++;
    ServerReply reply;
    if (number == 0) {
      reply.status = 429;
      reply.headers = "Retry-After: 7\r\n";
      reply.pieces = {R"({"error": {"message": "slow down"}})"};
    } else if (number == 1) {
      reply.status = 500;
      reply.pieces = {"oops"};
    } else if (number == 2) {
      reply.pieces = {"data: {\"choices\": [{\"del", "\n\n"};  // malformed
    } else if (number == 3) {
      reply = test::model_reply(request);
      reply.cut = true;
      reply.pieces.resize(1);
    } else {
      reply = test::model_reply(request);
    }
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.repeats = 1;
  options.sleep = [&](double seconds) { waits.push_back(seconds); };
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 4);
  EXPECT_EQ(result.failed, 0);
  EXPECT_EQ(result.retried, 4);
  ASSERT_EQ(waits.size(), 4u);
  EXPECT_EQ(waits[0], 7.0);
  EXPECT_GT(waits[2], waits[1]) << "the wait doubles";
}

TEST(LlmProbe, WaitsUntilADateToo) {
  // The server's clock is years behind: its own Date tells how long it means.
  std::vector<std::string> headers{
      "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
      "Retry-After: Sun, 06 Nov 1994 08:49:07 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
      "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "Retry-After: soon\r\n", "Retry-After: 1e9\r\n"};
  const Folder folder;
  std::atomic<std::size_t> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    const std::size_t number = asked++;
    if (number >= headers.size()) return test::model_reply(request);
    ServerReply reply;
    reply.status = 429;
    reply.headers = headers[number];
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.backoff_s = 0.01;
  std::vector<double> waits;
  options.sleep = [&](double seconds) { waits.push_back(seconds); };
  EXPECT_EQ(probe_llm(options).measured, 8);
  ASSERT_EQ(waits.size(), 5u);
  EXPECT_EQ(waits[0], 30.0);
  EXPECT_EQ(waits[1], 0.0);
  EXPECT_EQ(waits[2], 0.0) << "long past by this machine's clock";
  EXPECT_GT(waits[3], 0.0) << "it says nothing that is understood";
  EXPECT_LT(waits[3], 1.0);
  EXPECT_EQ(waits[4], 60.0);
}

TEST(LlmProbe, EndsAfterFailuresInARow) {
  const Folder folder;
  SmallServer server([](const ServerRequest&) {
    ServerReply reply;
    reply.status = 503;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.retries = 1;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.failed, 3);
  EXPECT_EQ(result.tokens, 0);
  EXPECT_NE(result.stopped.find("503"), std::string::npos) << result.stopped;
}

TEST(LlmProbe, TellsRefusalsWithoutTheKey) {
  const Folder folder;
  const std::string key = "sk-secret-0123456789";
  SmallServer server([&](const ServerRequest& request) {
    EXPECT_NE(request.headers.find("Bearer " + key), std::string::npos);
    ServerReply reply;
    reply.status = 401;
    reply.pieces = {"{\"error\": {\"message\": \"Incorrect key " + key + " given\"}}"};
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.key = key;
  try {
    probe_llm(options);
    FAIL();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("401: Incorrect key *** given"), std::string::npos) << what;
    EXPECT_EQ(what.find("secret"), std::string::npos);
    EXPECT_NE(error.hint().find("--key-env"), std::string::npos) << error.hint();
  }
  EXPECT_EQ(folder.read("probe.jsonl").find("secret"), std::string::npos);
}

TEST(LlmProbe, StopsWhereNoLimitCanBeKept) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) {
    ServerRequest more = request;
    Json body = Json::parse(request.body);
    body["max_tokens"] = body["max_tokens"].get<int>() + 100;
    more.body = body.dump();
    return test::model_reply(more);
  });
  EXPECT_THROW(probe_llm(test::probe_options(server, folder)), Error);
  SmallServer silent([](const ServerRequest& request) { return test::model_reply(request, false); });
  const Folder fresh;
  EXPECT_THROW(probe_llm(test::probe_options(silent, fresh)), Error) << "no usage, no counts";
}

TEST(LlmProbe, WaitsForNoServerForEver) {
  const Folder folder;
  SmallServer server([](const ServerRequest&) {
    ServerReply reply;
    reply.mute = true;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.timeout_s = 0.15;
  options.retries = 0;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.failed, 3);
  // Nobody listens.
  options.url = "http://127.0.0.1:1/v1";
  options.file = folder.file("other.jsonl");
  const ProbeResult nobody = probe_llm(options);
  EXPECT_EQ(nobody.tokens, 0);
  EXPECT_NE(nobody.stopped.find("could not connect"), std::string::npos) << nobody.stopped;
}

TEST(LlmProbe, StopsWhenInterrupted) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    reply.mute = ++asked == 3;
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.interrupted = [&] { return asked.load() >= 3; };
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.stopped, "interrupted");
  EXPECT_EQ(result.measured, 2);
  EXPECT_EQ(result.left, 6);
}

TEST(LlmProbe, WhatFailedIsLeft) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request);
    if (++asked == 2) {
      reply.status = 503;
      reply.pieces = {"busy"};
    }
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.retries = 0;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 7);
  EXPECT_EQ(result.failed, 1);
  EXPECT_EQ(result.left, 1);
  EXPECT_EQ(result.stopped, "");
  EXPECT_NE(result.last_failure.find("503"), std::string::npos) << result.last_failure;
  const ProbeResult again = probe_llm(options);
  EXPECT_EQ(again.measured, 1);
  EXPECT_EQ(again.left, 0);
  EXPECT_EQ(again.last_failure, "");
}

TEST(LlmProbe, ARequestTakesNoLongerThanItMay) {
  SmallServer server([](const ServerRequest&) {
    ServerReply reply;
    reply.mute = true;
    return reply;
  });
  HttpClient client(server.url(), HttpOptions{.timeout_s = 0.31, .ca_file = ""});
  const double start = test::seconds();
  const HttpResponse response = client.post(client.path(), {}, "{}");
  EXPECT_LT(test::seconds() - start, 10.0);
  EXPECT_EQ(response.failure, "no answer in 0.31 s") << "it is not that the connection broke";
  // Nor where something comes again and again, for thirty seconds.
  SmallServer slow([](const ServerRequest&) {
    ServerReply reply;
    reply.pieces.assign(300, "data: {}\n\n");
    reply.pause_s = 0.1;
    return reply;
  });
  HttpClient patient(slow.url(), HttpOptions{.timeout_s = 0.4, .ca_file = ""});
  const double begin = test::seconds();
  EXPECT_EQ(patient.post(patient.path(), {}, "{}").failure, "no answer in 0.4 s");
  EXPECT_LT(test::seconds() - begin, 10.0);
}

TEST(LlmProbe, ASizeThatIsRefusedLeavesTheOthers) {
  const Folder folder;
  std::atomic<int> asked{0};
  std::atomic<std::size_t> most{1200};  // bytes of a request
  SmallServer server([&](const ServerRequest& request) {
    ++asked;
    if (request.body.size() <= most.load()) return test::model_reply(request);
    ServerReply reply;
    reply.status = 400;
    reply.pieces = {R"({"error": {"message": "This model's maximum context length is 300 tokens"}})"};
    return reply;
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.prompts = {16, 64, 500, 1000};
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 8) << "every repeat of what is taken";
  EXPECT_EQ(result.failed, 8);
  EXPECT_EQ(result.left, 8);
  EXPECT_EQ(result.stopped, "");
  EXPECT_NE(result.last_failure.find("maximum context length"), std::string::npos) << result.last_failure;
  EXPECT_EQ(asked.load(), 8 + 4) << "each of the refused sizes once";
  most = 1000000;
  EXPECT_EQ(probe_llm(options).measured, 8) << "it is asked again by the next run";
  // Where nothing was answered it is an error, and says where to look.
  most = 0;
  options.file = folder.file("other.jsonl");
  try {
    probe_llm(options);
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("--prompts"), std::string::npos) << error.hint();
    EXPECT_EQ(error.hint().find("key"), std::string::npos) << error.hint();
  }
}

TEST(LlmProbe, AStreamCutBeforeItsCountsIsRetriedWhereOthersHadThem) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ServerReply reply = test::model_reply(request, ++asked % 3 != 0);
    if (asked % 3 != 0) return reply;
    reply.pieces.back() =
        "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"length\"}]}\n\n";
    return reply;
  });
  const ProbeOptions options = test::probe_options(server, folder);
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 8);
  EXPECT_EQ(result.retried, 3);
  EXPECT_EQ(result.stopped, "");
  // An answer of an earlier run tells it as well: the first of this run is without.
  asked = 2;
  ProbeOptions more = options;
  more.repeats = 3;
  EXPECT_EQ(probe_llm(more).measured, 4);
}

TEST(LlmProbe, ASizeThatIsGivenTwiceIsAskedForOnce) {
  const Folder folder;
  std::atomic<int> asked{0};
  SmallServer server([&](const ServerRequest& request) {
    ++asked;
    return test::model_reply(request);
  });
  ProbeOptions options = test::probe_options(server, folder);
  options.prompts = {16, 64, 16};
  options.outputs = {4, 4};
  options.repeats = 1;
  const ProbeResult result = probe_llm(options);
  EXPECT_EQ(result.measured, 2);
  EXPECT_EQ(result.left, 0);
  EXPECT_EQ(asked.load(), 2);
}

TEST(LlmProbe, ChecksItsOptions) {
  const Folder folder;
  SmallServer server([](const ServerRequest& request) { return test::model_reply(request); });
  ProbeOptions options = test::probe_options(server, folder);
  options.budget_tokens = 0;
  EXPECT_THROW(probe_llm(options), Error) << "no limit";
  options.budget_dollars = 1.0;
  EXPECT_THROW(probe_llm(options), Error) << "no prices";
  options = test::probe_options(server, folder);
  folder.write("probe.jsonl", "{\"model\": \"other\", \"billed_in\": 1, \"billed_out\": 1}\n");
  EXPECT_THROW(probe_llm(options), Error) << "another model's file";
  for (const char* line : {"hello\n", "{\"model\": 3, \"billed_in\": 1, \"billed_out\": 1}\n",
                           "{\"model\": \"m\", \"billed_in\": 9223372036854775807, \"billed_out\": 1}\n"}) {
    folder.write("probe.jsonl", line);
    EXPECT_THROW(probe_llm(options), Error) << line;
  }
}

TEST(HttpClient, ChecksUrls) {
  for (const std::string bad : {"", "host", "ftp://host", "http://", "http://host:port", "http://user@host/"})
    EXPECT_THROW(HttpClient client(bad), Error) << bad;
  EXPECT_EQ(HttpClient("https://host:8000/v1/").path(), "/v1");
}

}  // namespace
}  // namespace hone::cost
