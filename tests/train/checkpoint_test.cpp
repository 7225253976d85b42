#include "hone/train/checkpoint.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/key.h"
#include "hone/base/rng.h"

namespace hone::train {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      fmt::format("hone-checkpoint-{}-{}", ::getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

Checkpoint example() {
  Checkpoint checkpoint;
  checkpoint.header = {{"design", {{"width", 128}}}, {"note", "ünïcode"}, {"rate", 0.1}};
  torch::manual_seed(1);
  checkpoint.tensors = {
      {"weight/a", torch::randn({5, 3})},
      {"weight/strided", torch::randn({4, 6}).t()},
      {"scalar", torch::tensor(2.5, torch::kFloat64)},
      {"empty", torch::empty({0, 7})},
      {"counts", torch::arange(-4, 5, torch::kInt64)},
      {"half", torch::randn({2, 2, 2}).to(torch::kBFloat16)},
      {"flags", torch::tensor({true, false, true})},
  };
  return checkpoint;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(CheckpointTest, GivesBackWhatWasSaved) {
  const Checkpoint saved = example();
  saved.save(file("a.hone"));
  const Checkpoint loaded = Checkpoint::load(file("a.hone"));
  EXPECT_EQ(loaded.header, saved.header);
  EXPECT_EQ(Checkpoint::load_header(file("a.hone")), saved.header);
  ASSERT_EQ(loaded.tensors.size(), saved.tensors.size());
  for (std::size_t i = 0; i < saved.tensors.size(); ++i) {
    EXPECT_EQ(loaded.tensors[i].first, saved.tensors[i].first);
    EXPECT_EQ(loaded.tensors[i].second.scalar_type(), saved.tensors[i].second.scalar_type());
    EXPECT_TRUE(torch::equal(loaded.tensors[i].second, saved.tensors[i].second)) << saved.tensors[i].first;
  }
  EXPECT_TRUE(loaded.segments.empty());
  const std::string message = message_of([&] { loaded.tensor("weight/b"); });
  EXPECT_NE(message.find("did you mean 'weight/a'?"), std::string::npos) << message;
  // The same content gives the same bytes.
  loaded.save(file("b.hone"));
  EXPECT_EQ(read_file(file("a.hone")), read_file(file("b.hone")));
}

TEST_F(CheckpointTest, KeepsBitsThatNumbersHide) {
  Checkpoint saved;
  saved.tensors = {{"odd", torch::tensor({-0.0f, std::nanf("1"), INFINITY, 1e-45f})}};
  saved.save(file("a.hone"));
  const torch::Tensor loaded = Checkpoint::load(file("a.hone")).tensor("odd");
  EXPECT_EQ(std::memcmp(loaded.data_ptr(), saved.tensors[0].second.data_ptr(), 16), 0);
}

TEST_F(CheckpointTest, KeepsTheSegmentsOfGrownTensors) {
  Checkpoint saved = example();
  saved.segments["weight/a"] = {2, 0, 3};
  saved.save(file("a.hone"));
  const Checkpoint loaded = Checkpoint::load(file("a.hone"));
  EXPECT_EQ(loaded.segments, saved.segments);
  EXPECT_TRUE(torch::equal(loaded.tensor("weight/a"), saved.tensors[0].second));
  for (const std::vector<std::int64_t>& wrong : {std::vector<std::int64_t>{2, 2}, {6}, {-1, 6}, {}}) {
    saved.segments["weight/a"] = wrong;
    EXPECT_THROW(saved.save(file("a.hone")), Error);
  }
  EXPECT_EQ(Checkpoint::load(file("a.hone")).segments, loaded.segments);  // what was there stays
}

TEST_F(CheckpointTest, DataIsAlignedAsTheFormatSays) {
  example().save(file("a.hone"));
  const std::string content = read_file(file("a.hone"));
  EXPECT_EQ(content.substr(0, 8), "HONECKPT");
  std::uint64_t json_bytes = 0, whole = 0;
  std::memcpy(&json_bytes, content.data() + 16, 8);
  std::memcpy(&whole, content.data() + 24, 8);
  EXPECT_EQ(whole, content.size());
  EXPECT_EQ((content.size() - 16) % 64, 0u);
  const Json json = parse_json(content.substr(64, json_bytes), "header");
  const std::size_t start = (64 + json_bytes + 63) / 64 * 64;
  const Json& entry = json["tensors"][4];
  EXPECT_EQ(entry["name"], "counts");
  EXPECT_EQ(entry["dtype"], "int64");
  std::int64_t first = 0;
  std::memcpy(&first, content.data() + start + entry["segments"][0]["offset"].get<std::size_t>(), 8);
  EXPECT_EQ(first, -4);
}

TEST_F(CheckpointTest, SaysWhatIsWrongWithAFile) {
  const std::string path = file("a.hone");
  example().save(path);
  const std::string good = read_file(path);
  const auto message = [&](const std::string& content) {
    write_file_atomic(path, content);
    const std::string whole = message_of([&] { Checkpoint::load(path); });
    EXPECT_NE(whole.find(path), std::string::npos) << whole;
    return whole;
  };
  EXPECT_NE(message(good.substr(0, good.size() / 2)).find("bytes of"), std::string::npos);
  EXPECT_NE(message(good.substr(0, 20)).find("ends after 20 bytes"), std::string::npos);
  EXPECT_NE(message("").find("ends after 0 bytes"), std::string::npos);
  EXPECT_NE(message("[study]\nname = 1\n").find("no checkpoint of hone"), std::string::npos);
  std::string bad = good;
  bad[8] = 2;
  EXPECT_NE(message(bad).find("version 2"), std::string::npos);
  EXPECT_NE(message_of([&] { Checkpoint::load_header(path); }).find("newer hone"), std::string::npos);
  bad = good;
  bad[good.size() - 100] ^= 1;
  EXPECT_NE(message(bad).find("does not match its checksum"), std::string::npos);
  EXPECT_EQ(Checkpoint::load_header(path), example().header);  // tensors are not read for it
  bad = good;
  bad[70] ^= 1;
  message(bad);
  EXPECT_NE(message_of([&] { Checkpoint::load_header(path); }).find("checksum"), std::string::npos);
  EXPECT_THROW(Checkpoint::load(file("none.hone")), Error);
  EXPECT_THROW(Checkpoint::load_header(file("none.hone")), Error);
  EXPECT_THROW(Checkpoint::load_header(folder_.string()), Error);
  EXPECT_THROW(example().save(file("no/such/folder.hone")), Error);
}

TEST_F(CheckpointTest, RefusesWhatItCannotHold) {
  Checkpoint checkpoint;
  checkpoint.tensors = {{"a", torch::ones(2)}, {"a", torch::ones(2)}};
  EXPECT_THROW(checkpoint.save(file("a.hone")), Error);
  checkpoint.tensors = {{"a", torch::Tensor()}};
  EXPECT_THROW(checkpoint.save(file("a.hone")), Error);
  checkpoint.tensors = {{"a", torch::ones(2, torch::kComplexFloat)}};
  EXPECT_THROW(checkpoint.save(file("a.hone")), Error);
  checkpoint.tensors.clear();
  checkpoint.header = "\xff";
  EXPECT_THROW(checkpoint.save(file("a.hone")), Error);
  EXPECT_FALSE(std::filesystem::exists(file("a.hone")));
}

/// Without the wait for the disk, which rewriting a file in place would bring as well on some file systems.
void overwrite(const std::string& path, const std::string& content) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

TEST_F(CheckpointTest, SurvivesDamagedBytes) {
  const std::string path = file("a.hone");
  example().save(path);
  const std::string good = read_file(path);
  Rng rng(5, "fuzz");
  for (int round = 0; round < 2000; ++round) {
    std::string bad = good;
    if (rng.below(4) == 0) bad.resize(rng.below(bad.size()));
    for (std::uint64_t flips = rng.below(4); flips-- > 0 && !bad.empty();)
      bad[rng.below(bad.size())] ^= static_cast<char>(1 << rng.below(8));
    if (bad == good) continue;
    overwrite(path, bad);
    EXPECT_THROW(Checkpoint::load(path), Error) << round;
    message_of([&] { Checkpoint::load_header(path); });
  }
}

/// Makes checksums and lengths fit again, so that what is behind them is reached.
std::string sealed(const std::string& prefix, const std::string& json, const std::string& data) {
  std::string content = prefix.substr(0, 64) + json;
  content.resize((content.size() + 63) / 64 * 64);
  content += data;
  const auto put = [&](std::size_t at, std::uint64_t value) { std::memcpy(content.data() + at, &value, 8); };
  put(16, json.size());
  put(24, content.size() + 16);
  const Key inner = hash_key(json);
  put(32, inner.low);
  put(40, inner.high);
  const Key outer = hash_key(content);
  content.resize(content.size() + 16);
  put(content.size() - 16, outer.low);
  put(content.size() - 8, outer.high);
  return content;
}

TEST_F(CheckpointTest, SurvivesAForgedTable) {
  const std::string path = file("a.hone");
  Checkpoint saved = example();
  saved.segments["weight/a"] = {2, 3};
  saved.save(path);
  const std::string good = read_file(path);
  std::uint64_t json_bytes = 0;
  std::memcpy(&json_bytes, good.data() + 16, 8);
  const std::string json = good.substr(64, json_bytes);
  const std::string data = good.substr((64 + json_bytes + 63) / 64 * 64, std::string::npos);
  const std::string area = data.substr(0, data.size() - 16);
  overwrite(path, sealed(good, json, area));
  EXPECT_EQ(read_file(path), good);

  const std::size_t table = json.find("\"tensors\"");
  const std::string letters = "0123456789-.e[]{}\",:nat";
  Rng rng(6, "forge");
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bad = json;
    for (std::uint64_t edits = 1 + rng.below(3); edits-- > 0;) {
      const std::size_t at = table + rng.below(bad.size() - table);
      const char letter = letters[rng.below(letters.size())];
      if (rng.below(3) == 0)
        bad.insert(at, rng.below(4) + 1, letter);
      else
        bad[at] = letter;
    }
    overwrite(path, sealed(good, bad, area));
    const std::string message = message_of([&] {
      for (const auto& [name, tensor] : Checkpoint::load(path).tensors)
        EXPECT_LE(tensor.nbytes(), area.size());
    });
    refused += message.empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1500);  // the others edit a tensor's name

  // Numbers chosen to overflow, to overlap and to allocate.
  const auto forge = [&](const char* dtype, const char* shape, const char* segments) {
    const std::string text =
        fmt::format(R"({{"header":{{}},"tensors":[{{"name":"x","dtype":"{}","shape":{},"segments":{}}}]}})",
                    dtype, shape, segments);
    overwrite(path, sealed(good, text, area));
    return message_of([&] { Checkpoint::load(path); });
  };
  EXPECT_EQ(forge("float32", "[2,2]", R"([{"rows":2,"offset":0,"bytes":16}])"), "");
  EXPECT_EQ(
      forge("float32", "[2,2]", R"([{"rows":1,"offset":0,"bytes":8},{"rows":1,"offset":64,"bytes":8}])"), "");
  const std::vector<std::pair<const char*, const char*>> wrong = {
      {"[2,2]", R"([{"rows":2,"offset":1,"bytes":16}])"},
      {"[2,2]", R"([{"rows":2,"offset":-64,"bytes":16}])"},
      {"[2,2]", R"([{"rows":2,"offset":1073741824,"bytes":16}])"},
      {"[2,2]", R"([{"rows":1,"offset":64,"bytes":8},{"rows":1,"offset":0,"bytes":8}])"},
      {"[2,2]", R"([{"rows":1,"offset":0,"bytes":8},{"rows":1,"offset":0,"bytes":8}])"},
      {"[2,2]", R"([{"rows":1,"offset":0,"bytes":8}])"},
      {"[2,2]", R"([{"rows":3,"offset":0,"bytes":24},{"rows":-1,"offset":64,"bytes":-8}])"},
      {"[1000000000,1000000000]", R"([{"rows":1000000000,"offset":0,"bytes":4000000000000000000}])"},
      {"[4294967296,4294967296]", R"([{"rows":4294967296,"offset":0,"bytes":0}])"},
      {"[18446744073709551615]", R"([{"rows":18446744073709551615,"offset":0,"bytes":0}])"},
      {"[0,72057594037927936,72057594037927936]", R"([{"rows":0,"offset":0,"bytes":0}])"},
      {"[1000000]", R"([{"rows":1000000,"offset":0,"bytes":4000000}])"},
      {"[-1]", "[]"},
      {"[1.5]", "[]"},
      {"2", "[]"},
      {"[2]", "3"},
  };
  for (const auto& [shape, segments] : wrong)
    EXPECT_NE(forge("float32", shape, segments), "") << shape << segments;
  EXPECT_NE(forge("float31", "[2]", R"([{"rows":2,"offset":0,"bytes":8}])"), "");
}

}  // namespace
}  // namespace hone::train
