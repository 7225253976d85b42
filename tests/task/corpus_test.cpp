#include "hone/task/corpus.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <unordered_set>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hone/base/files.h"
#include "hone/base/rng.h"
#include "hone/task/passages.h"
#include "hone/task/split.h"
#include "hone/task/utf8.h"

namespace hone::task {
namespace {

namespace fs = std::filesystem;

const Place kPlace{"study.toml", 9, "task.data"};

class CorpusTest : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& content) {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }
  static Corpus load(const std::string& path) {
    CorpusOptions options;
    options.path = path;
    return Corpus::load(options, kPlace);
  }
  static std::string message(const std::string& path, CorpusOptions options = {}) {
    options.path = path;
    try {
      Corpus::load(options, kPlace);
    } catch (const Error& error) {
      EXPECT_EQ(error.place(), kPlace);
      EXPECT_FALSE(error.hint().empty()) << error.what();
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
      return error.what();
    }
    return "no error";
  }

  const ScratchFolder scratch_{"hone-corpus"};
  const fs::path root_ = scratch_.path();
};

/// Lines of random words, which never share a passage with another stream's.
std::string prose(std::uint64_t stream, std::size_t characters) {
  Rng rng(7, "prose", stream);
  std::string text;
  while (text.size() < characters) {
    for (int word = 0; word < 9; ++word) {
      for (std::uint64_t letter = 2 + rng.below(7); letter > 0; --letter)
        text += static_cast<char>('a' + rng.below(26));
      text += word < 8 ? ' ' : '\n';
    }
  }
  text.resize(characters - 1);
  return text + "\n";
}

std::u32string normalised(const std::string& text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (!is_space(c)) {
      result += c;
    } else if (result.empty() || result.back() != U' ') {
      result += U' ';
    }
  }
  return result;
}

/// Windows of 64 normalised characters that two texts share, counted the plain way.
std::size_t shared_windows(const std::string& a, const std::string& b) {
  std::unordered_set<std::u32string> windows;
  const std::u32string x = normalised(a), y = normalised(b);
  for (std::size_t i = 0; i + kPassage <= x.size(); ++i) windows.insert(x.substr(i, kPassage));
  std::size_t shared = 0;
  for (std::size_t i = 0; i + kPassage <= y.size(); ++i) shared += windows.contains(y.substr(i, kPassage));
  return shared;
}

void expect_nothing_leaks(const Corpus& corpus) {
  const std::string train = corpus.decode(corpus.train());
  const std::string validation = corpus.decode(corpus.validation());
  const std::string test = corpus.decode(corpus.test());
  EXPECT_EQ(shared_windows(train, validation), 0u);
  EXPECT_EQ(shared_windows(train, test), 0u);
  EXPECT_EQ(shared_windows(validation, test), 0u);
}

std::vector<std::string> names(const Corpus& corpus, const char* split) {
  return corpus.summary()[split]["files"]["names"].get<std::vector<std::string>>();
}

TEST_F(CorpusTest, DebiansLicencesSplitWithoutLeaks) {
  const std::string folder = "/usr/share/common-licenses";
  if (!fs::exists(folder + "/GPL-3")) GTEST_SKIP() << "not a Debian system";
  const Corpus corpus = load(folder);
  expect_nothing_leaks(corpus);
  const double all =
      static_cast<double>(corpus.train().size() + corpus.validation().size() + corpus.test().size());
  EXPECT_GT(static_cast<double>(corpus.train().size()) / all, 0.7);
  EXPECT_GT(static_cast<double>(corpus.validation().size()) / all, 0.05);
  EXPECT_GT(static_cast<double>(corpus.test().size()) / all, 0.05);
  EXPECT_EQ(corpus.summary()["split_by"], "file");
  // The licences of one family share their wording: one split holds them all.
  for (const char* split : {"train", "validation", "test"}) {
    const auto files = names(corpus, split);
    const auto holds = [&](const char* name) { return std::count(files.begin(), files.end(), name) > 0; };
    EXPECT_EQ(holds("GPL-2"), holds("GPL-3"));
    EXPECT_EQ(holds("GPL-2"), holds("LGPL-2.1"));
    EXPECT_EQ(holds("GFDL-1.2"), holds("GFDL-1.3"));
    EXPECT_FALSE(holds("GPL"));  // a link to GPL-3
  }
}

TEST_F(CorpusTest, AFileIsCutInOrderAtLineEnds) {
  const std::string text = prose(1, 50000);
  const Corpus corpus = load(put("text", text));
  const std::string train = corpus.decode(corpus.train());
  const std::string validation = corpus.decode(corpus.validation());
  EXPECT_EQ(train + validation + corpus.decode(corpus.test()), text);
  EXPECT_NEAR(static_cast<double>(train.size()), 40000, 100);
  EXPECT_NEAR(static_cast<double>(validation.size()), 5000, 100);
  EXPECT_EQ(train.back(), '\n');
  EXPECT_EQ(validation.back(), '\n');
  EXPECT_EQ(corpus.summary()["split_by"], "position");
  EXPECT_EQ(corpus.summary()["kind"], "file");
}

TEST_F(CorpusTest, LineEndsAndTheByteOrderMarkMakeNoDifference) {
  const std::string text = prose(1, 20000);
  std::string dos = "\xEF\xBB\xBF";
  for (char c : text) dos += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const Corpus plain = load(put("plain", text)), other = load(put("dos", dos));
  EXPECT_EQ(plain.key(), other.key());
  EXPECT_EQ(plain.train(), other.train());
  EXPECT_NE(plain.key(), load(put("more", text + "x\n")).key());
}

TEST_F(CorpusTest, VocabularyComesFromTrainingTextAndUnknownsAreCounted) {
  // Greek letters and an emoji only in the last tenth.
  std::string text = prose(2, 18000);
  const std::string late = prose(3, 1900) + "\xCE\xB1\xCE\xB2\xF0\x9F\x98\x80\n";
  text += late;
  const Corpus corpus = load(put("text", text));
  EXPECT_EQ(corpus.vocabulary(), 1 + 26 + 2);  // unknown, letters, space and newline
  EXPECT_TRUE(corpus.characters()[0] == kReplacementCharacter);
  EXPECT_TRUE(std::is_sorted(corpus.characters().begin() + 1, corpus.characters().end()));
  EXPECT_EQ(corpus.unknown(Split::train), 0u);
  EXPECT_EQ(corpus.unknown(Split::test), 3u);
  EXPECT_NEAR(Corpus::unknown_bits(), 20.0875, 1e-4);
  EXPECT_DOUBLE_EQ(corpus.unknown_bits_per_character(Split::test),
                   3 * std::log2(1114112.0) / static_cast<double>(corpus.test().size()));

  EXPECT_EQ(corpus.decode(corpus.encode("some words\n")), "some words\n");
  EXPECT_EQ(corpus.encode("a\xCE\xB1"), (std::vector<std::int32_t>{corpus.encode("a")[0], 0}));
  EXPECT_EQ(corpus.decode({0}), "\xEF\xBF\xBD");
  EXPECT_THROW(corpus.encode("a\xFF"), Error);
  EXPECT_THROW(corpus.decode({corpus.vocabulary()}), Error);
  EXPECT_THROW(corpus.decode({-1}), Error);

  CorpusOptions options;
  options.path = (root_ / "text").string();
  options.max_vocabulary = 10;
  const Corpus small = Corpus::load(options);
  EXPECT_EQ(small.vocabulary(), 10);
  EXPECT_GT(small.unknown(Split::train), 0u);
  EXPECT_TRUE(small.characters()[1] == U' ');  // the most frequent one
  EXPECT_NE(small.key(), corpus.key());
}

TEST_F(CorpusTest, AFolderIsReadTheSameWayWhereverItLies) {
  for (const std::string base : {"one", "two"}) {
    for (int i = 0; i < 12; ++i) {
      const int file = base == "one" ? i : 11 - i;
      put(fmt::format("{}/{}/f{}.txt", base, file % 3, file),
          prose(static_cast<std::uint64_t>(file), 4000 + 500u * static_cast<std::size_t>(file)));
    }
    put(base + "/.hidden", prose(50, 3000));
    put(base + "/.git/config", prose(51, 3000));
    put(base + "/copy", prose(5, 6500));
    put(base + "/image", std::string("PNG\x01\x02") + std::string(5, '\0'));
    put(base + "/latin1", "caf\xE9 au lait\n");
    put(base + "/blank", " \n\n");
    put(base + "/empty", "");
    fs::create_symlink("0/f0.txt", root_ / base / "a-link");
    fs::create_symlink("nowhere", root_ / base / "broken");
    fs::create_directory_symlink("..", root_ / base / "1/loop");
    ASSERT_EQ(::mkfifo((root_ / base / "pipe").c_str(), 0600), 0);
  }
  put("outside.txt", prose(60, 5000));
  const Corpus one = load((root_ / "one").string()), two = load((root_ / "two").string());
  EXPECT_EQ(one.key(), two.key());
  Json first = one.summary(), second = two.summary();
  first.erase("path");
  second.erase("path");
  EXPECT_EQ(first, second);

  EXPECT_EQ(first["files_read"], 12);
  EXPECT_EQ(first["duplicates"]["count"], 1);
  EXPECT_EQ(first["duplicates"]["files"][0]["file"], "copy");
  std::map<std::string, std::string> skipped;
  for (const auto& entry : first["skipped"]["files"]) skipped[entry["file"]] = entry["reason"];
  EXPECT_EQ(skipped, (std::map<std::string, std::string>{{"image", "looks binary: byte 0 at offset 5"},
                                                         {"latin1", "is not UTF-8 at offset 3"},
                                                         {"blank", "holds nothing but blanks"},
                                                         {"empty", "is empty"},
                                                         {"broken", "is a link to nothing"},
                                                         {"pipe", "is no regular file"}}));
  EXPECT_EQ(first["split_by"], "file");
  expect_nothing_leaks(one);

  fs::create_symlink("../outside.txt", root_ / "one/linked");
  EXPECT_EQ(load((root_ / "one").string()).summary()["files_read"], 13);
}

TEST_F(CorpusTest, NearDuplicatesStayTogether) {
  // Every text twice, the second time with a tenth of it rewritten.
  for (std::uint64_t i = 0; i < 12; ++i) {
    const std::string text = prose(i, 6000);
    put(fmt::format("a{}", i), text);
    put(fmt::format("b{}", i), prose(100 + i, 600) + text.substr(600));
  }
  const Corpus corpus = load(root_.string());
  EXPECT_EQ(corpus.summary()["groups"], 12);
  for (const char* split : {"train", "validation", "test"}) {
    const auto files = names(corpus, split);
    EXPECT_GE(files.size(), 2u);
    EXPECT_EQ(corpus.summary()[split]["overlap_removed"], 0);
    for (const std::string& name : files) {
      const std::string other = fmt::format("{}{}", name[0] == 'a' ? 'b' : 'a', name.substr(1));
      EXPECT_EQ(std::count(files.begin(), files.end(), other), 1) << name << " in " << split;
    }
  }
}

TEST_F(CorpusTest, WithTooFewGroupsTheLargestIsCut) {
  put("long", prose(1, 60000));
  put("short", prose(2, 4000));
  put("tiny", prose(3, 300));
  const Corpus corpus = load(root_.string());
  EXPECT_EQ(corpus.summary()["split_by"], "position");
  const double all = 64300;
  EXPECT_NEAR(static_cast<double>(corpus.train().size()) / all, 0.8, 0.02);
  EXPECT_NEAR(static_cast<double>(corpus.validation().size()) / all, 0.1, 0.02);
  EXPECT_NEAR(static_cast<double>(corpus.test().size()) / all, 0.1, 0.02);
  expect_nothing_leaks(corpus);
}

TEST_F(CorpusTest, SharedPassagesLeaveTheHeldOutText) {
  // The same licence in every file, laid out differently, too small a part to tie them together.
  const std::string licence = prose(99, 300);
  std::string indented = "  * ";
  for (char c : licence) indented += c == '\n' ? std::string("\n    ") : c == ' ' ? "  " : std::string(1, c);
  for (std::uint64_t i = 0; i < 20; ++i)
    put(fmt::format("f{}", i), (i % 2 == 0 ? licence : indented) + prose(i, 8000));
  const Corpus corpus = load(root_.string());
  EXPECT_EQ(corpus.summary()["groups"], 20);
  EXPECT_EQ(corpus.summary()["split_by"], "file");
  EXPECT_GE(corpus.summary()["validation"]["overlap_removed"].get<int>(), 2 * 250);
  EXPECT_GE(corpus.summary()["test"]["overlap_removed"].get<int>(), 2 * 250);
  EXPECT_LE(corpus.summary()["test"]["overlap_removed"].get<int>(), 2 * 900);
  expect_nothing_leaks(corpus);
}

TEST(Passages, RemovalLeavesNoneEvenOverJoints) {
  const std::string left = prose(1, 400), right = prose(2, 400), middle = prose(3, 200);
  // Taking `middle` out brings the ends of `left` and `right` together, as the reference has them.
  const std::string reference = middle + left.substr(350) + right.substr(0, 50) + prose(4, 300);
  std::string text = left + middle + right;
  const Removed removed = remove_passages(text, {&reference}, "\n");
  EXPECT_EQ(shared_windows(reference, text), 0u);
  EXPECT_GE(removed.characters, 290u);
  EXPECT_GE(removed.places, 2u);
  EXPECT_GE(text.size(), 650u);
  EXPECT_TRUE(text.starts_with(left.substr(0, 340)));
  EXPECT_TRUE(text.ends_with(right.substr(60)));
}

TEST(Passages, RemovalAgreesWithThePlainCountOnRandomTexts) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed, "passages");
    // A few building blocks, some not ASCII, in any order: plenty of passages over joints.
    std::vector<std::string> blocks;
    for (std::uint64_t i = 0; i < 6; ++i) {
      std::string block = prose(1000 + seed * 10 + i, 20 + rng.below(120));
      if (i % 3 == 0) block += "\xC3\xA9\xE2\x80\x83\xE2\x80\x83\xF0\x9F\x98\x80 ";
      blocks.push_back(block);
    }
    const auto mixture = [&] {
      std::string text;
      for (std::uint64_t n = 3 + rng.below(20); n > 0; --n) text += blocks[rng.below(blocks.size())];
      return text;
    };
    const std::string reference = mixture(), other = mixture();
    std::string text = mixture() + prose(seed, 500) + mixture();
    const std::size_t before = count_characters(text);
    const Removed removed = remove_passages(text, {&reference, &other}, "\n");
    EXPECT_EQ(shared_windows(reference, text), 0u) << seed;
    EXPECT_EQ(shared_windows(other, text), 0u) << seed;
    EXPECT_EQ(before - count_characters(text), removed.characters);
    EXPECT_EQ(invalid_utf8(text), kValidUtf8);
    EXPECT_GE(text.size(), 372u) << "the text of its own was lost";
  }
}

TEST(Split, LargestFirstAndNoSplitEmpty) {
  const auto files_of = [](const std::vector<std::size_t>& sizes) {
    std::vector<TextFile> files;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      files.push_back({fmt::format("f{}", i), prose(i, sizes[i])});
    return files;
  };
  const auto alone = [](std::size_t n) {
    std::vector<std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < n; ++i) groups.push_back({i});
    return groups;
  };
  using Names = std::vector<std::string>;
  auto files = files_of({3000, 2000, 5000});
  SplitTexts split = split_texts(files, alone(3), {0.8, 0.1, 0.1});
  EXPECT_FALSE(split.by_position);
  EXPECT_EQ(split.files[0], Names{"f2"});
  EXPECT_EQ(split.files[1], Names{"f0"});
  EXPECT_EQ(split.files[2], Names{"f1"});

  files = files_of({5000, 5000, 10});
  split = split_texts(files, {{0, 2}, {1}}, {0.8, 0.1, 0.1});
  EXPECT_TRUE(split.by_position);
  EXPECT_NEAR(static_cast<double>(split.texts[1].size()), 1001, 100);
  EXPECT_NEAR(static_cast<double>(split.texts[2].size()), 1001, 100);

  // A third group too small to be of use as a split.
  files = files_of({70000, 30000, 20});
  split = split_texts(files, alone(3), {0.8, 0.1, 0.1});
  EXPECT_TRUE(split.by_position);
  EXPECT_NEAR(static_cast<double>(split.texts[2].size()), 10002, 1000);
}

TEST_F(CorpusTest, ErrorsSayWhatIsWrongAndWhatToDo) {
  const auto expect = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("study.toml:9: task.data: ")) << message;
  };
  expect(message((root_ / "missing").string()), "does not exist");
  expect(message(put("empty", "")), "is empty");
  expect(message(put("nul", std::string("some text\n") + '\0' + "more")),
         "looks binary: byte 0 at offset 10");
  expect(message(put("latin1", "some t\xE9xt\n")), "is not UTF-8 at offset 6; convert it, e.g. iconv");
  expect(message(put("short", prose(1, 3000))), "characters are left for validation, needed are 512");
  std::string again;
  for (int i = 0; i < 100; ++i) again += "the same line once more\n";
  expect(message(put("again", again + again + again)), "were taken out because");
  fs::create_directories(root_ / "folder");
  expect(message((root_ / "folder").string()), "holds no text: it is empty");
  put("folder/image", std::string(10, '\0'));
  expect(message((root_ / "folder").string()), "1 skipped, the first: image looks binary");
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  expect(message((root_ / "pipe").string()), "neither a file nor a folder");
  if (::geteuid() != 0) {
    fs::permissions(put("secret", prose(1, 9000)), fs::perms::none);
    expect(message((root_ / "secret").string()), "cannot be read: Permission denied");
  }
}

TEST_F(CorpusTest, ReadsNoMoreThanItsLimit) {
  // Two-byte characters, so that an odd limit cuts one in two.
  std::string text;
  for (char c : prose(1, 40000)) text += c == 'e' ? std::string("\xC3\xA9") : std::string(1, c);
  CorpusOptions options;
  options.path = put("text", text);
  for (options.max_bytes = 20000; options.max_bytes < 20010; ++options.max_bytes) {
    const Corpus corpus = Corpus::load(options);
    EXPECT_LE(corpus.summary()["bytes_read"].get<std::uint64_t>(), options.max_bytes);
    EXPECT_GE(corpus.summary()["bytes_read"].get<std::uint64_t>(), options.max_bytes - 1);
    EXPECT_EQ(corpus.summary()["read_in_part"]["count"], 1);
  }
  for (int i = 0; i < 10; ++i) put(fmt::format("many/{}", i), prose(static_cast<std::uint64_t>(i), 4000));
  options.path = (root_ / "many").string();
  options.max_bytes = 30000;
  const Corpus corpus = Corpus::load(options);
  EXPECT_EQ(corpus.summary()["files_read"], 8);
  EXPECT_EQ(corpus.summary()["skipped"]["count"], 2);
  EXPECT_EQ(corpus.summary()["read_in_part"]["files"][0]["file"], "7");
}

TEST_F(CorpusTest, RandomBytesNeverCrash) {
  int loaded = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed, "bytes");
    std::string bytes = rng.below(3) == 0 ? prose(seed, 3000 + rng.below(4000)) : "";
    // Above 0 mostly, so that many get past the first check; some with lead bytes in plenty.
    const std::uint64_t low = rng.below(2) == 0 ? 1 : 0xC0;
    for (std::uint64_t n = rng.below(3) == 0 ? 0 : rng.below(400); n > 0; --n)
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(rng.below(bytes.size() + 1)),
                   static_cast<char>(rng.below(8) == 0 ? low + rng.below(256 - low) : 1 + rng.below(127)));
    CorpusOptions options;
    options.path = put("bytes", bytes);
    options.max_bytes = 1 + rng.below(8000);
    options.min_characters = rng.below(300);
    try {
      const Corpus corpus = Corpus::load(options, kPlace);
      ++loaded;
      EXPECT_GT(corpus.train().size(), 0u);
      EXPECT_EQ(corpus.encode(corpus.decode(corpus.train())), corpus.train());
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
    }
  }
  EXPECT_GT(loaded, 5);
}

TEST(Utf8, AcceptsExactlyWhatTheStandardDoes) {
  for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 61) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    EXPECT_EQ(invalid_utf8(text), kValidUtf8) << static_cast<unsigned>(c);
    EXPECT_EQ(utf8_length(text, 0), text.size());
    std::size_t at = 0;
    EXPECT_TRUE(next_character(text, at) == c) << static_cast<unsigned>(c);
    EXPECT_EQ(at, text.size());
    if (text.size() > 1) {
      EXPECT_EQ(invalid_utf8(text.substr(0, text.size() - 1)), 0u);
    }
  }
  for (const char* wrong : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                            "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"})
    EXPECT_EQ(invalid_utf8(std::string("ok ") + wrong), 3u);
}

}  // namespace
}  // namespace hone::task
