#include "hone/cost/simulator/core.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::cost::simulator {
namespace {

std::string error_of(const std::string& text) {
  try {
    (void)parse_core(text, "mine.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Core, BuiltInOnesFitTogetherAndDiffer) {
  for (const std::string& name : core_names()) {
    const Core core = named_core(name);
    EXPECT_EQ(core.name, name);
    EXPECT_NO_THROW(check_core(core));
    for (const CoreKey& key : core_keys()) {
      EXPECT_GE(key.get(core), key.low) << key.name;
      EXPECT_LE(key.get(core), key.high) << key.name;
    }
  }
  EXPECT_LT(named_core("little").reorder_buffer, named_core("big").reorder_buffer);
  EXPECT_EQ(named_core("middle"), Core{});
  EXPECT_THROW((void)named_core("bigg"), Error);
}

TEST(Core, AFileChangesWhatItSays) {
  const Core core = parse_core(
      "name = \"mine\"\nbase = \"big\"\nreorder_buffer = 100\n[units.fp_add]\nlatency = 2\n"
      "[cache.l2]\nbytes = \"1 MiB\"\n[branch]\npredictor = \"bimodal\"\n[prefetch]\nkind = \"none\"\n",
      "mine.toml");
  EXPECT_EQ(core.name, "mine");
  EXPECT_EQ(core.reorder_buffer, 100.0);
  EXPECT_EQ(core.fetch_width, 8.0);
  EXPECT_EQ(core.units[static_cast<std::size_t>(Kind::fp_add)].latency, 2.0);
  EXPECT_EQ(core.caches[1].bytes, 1048576.0);
  EXPECT_EQ(core.predictor, 1.0);
  EXPECT_EQ(core.prefetcher, 0.0);
  EXPECT_EQ(core_json(core)["cache"]["l2"]["bytes"], 1048576);
}

TEST(Core, ErrorsNameLineAndKey) {
  const std::string typo = error_of("clock_ghz = 3\nreorder_bufer = 100\n");
  EXPECT_NE(typo.find("mine.toml:2"), std::string::npos) << typo;
  EXPECT_NE(typo.find("reorder_buffer"), std::string::npos) << typo;
  const std::string range = error_of("[cache.l1]\nways = 0\n");
  EXPECT_NE(range.find("mine.toml:2"), std::string::npos) << range;
  EXPECT_NE(range.find("cache.l1.ways"), std::string::npos) << range;
  EXPECT_NE(error_of("base = \"huge\"\n").find("mine.toml:1"), std::string::npos);
  EXPECT_NE(error_of("fetch_width = 2.5\n").find("whole"), std::string::npos);
  EXPECT_NE(error_of("[branch]\npredictor = \"oracle\"\n").find("gshare"), std::string::npos);
  EXPECT_NE(error_of("[cache.l1]\nbytes = 33000\n").find("sets"), std::string::npos);
  EXPECT_NE(error_of("[cache.l2]\nbytes = 16384\n").find("cache.l2.bytes"), std::string::npos);
  EXPECT_NE(error_of("fetch_width = \"wide\"\n").find("mine.toml:1"), std::string::npos);
}

TEST(Core, KeysAreSetByText) {
  Core core;
  set_core_key(core, "cache.l1.bytes", "64 KiB");
  set_core_key(core, "reorder_buffer", "64");
  set_core_key(core, "prefetch.kind", "next_line");
  EXPECT_EQ(core.caches[0].bytes, 65536.0);
  EXPECT_EQ(core.reorder_buffer, 64.0);
  EXPECT_EQ(core.prefetcher, 1.0);
  EXPECT_THROW(set_core_key(core, "reorder", "64"), Error);
  EXPECT_THROW(set_core_key(core, "reorder_buffer", "many"), Error);
  EXPECT_THROW(set_core_key(core, "reorder_buffer", "0"), Error);
}

}  // namespace
}  // namespace hone::cost::simulator
