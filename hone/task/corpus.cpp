#include "hone/task/corpus.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/task/passages.h"
#include "hone/task/split.h"
#include "hone/task/text_files.h"
#include "hone/task/utf8.h"

namespace hone::task {

namespace {

/// Part of every key: raise it whenever the same files would be prepared differently.
constexpr std::int64_t kVersion = 1;
constexpr char32_t kCodePoints = 0x110000;
constexpr std::size_t kListed = 50;  ///< entries of a list in the summary
constexpr std::array<const char*, 3> kSplitNames = {"train", "validation", "test"};

void check(const CorpusOptions& options) {
  const auto share = [](double value) { return value >= 0.01 && value <= 0.45; };
  if (!share(options.validation) || !share(options.test) || options.max_vocabulary < 2 ||
      options.max_vocabulary > kCodePoints + 1)
    throw internal_error("corpus options out of range");
}

/// A list cut short, with its true length beside it.
Json listed(const TextFiles::Named& entries, const char* other) {
  Json list = Json::array();
  for (const auto& [file, what] : entries) {
    if (list.size() == kListed) break;
    list.push_back({{"file", file}, {other, what}});
  }
  return {{"count", entries.size()}, {"files", list}};
}

Json summarise(const CorpusOptions& options, const TextFiles& read) {
  return {{"path", options.path},
          {"kind", read.folder ? "folder" : "file"},
          {"files_read", read.files.size()},
          {"bytes_read", read.bytes},
          {"duplicates", listed(read.duplicates, "same_as")},
          {"skipped", listed(read.skipped, "reason")},
          {"read_in_part", listed(read.cut, "reason")}};
}

std::string_view joint_for(const std::string& train) {
  // A separator that the training text lacks would be an unknown character.
  for (const char* joint : {"\n", " "})
    if (train.find(joint) != std::string::npos) return joint;
  return "";
}

void need_enough(const std::array<std::string, 3>& texts, const std::array<Removed, 3>& removed,
                 const CorpusOptions& options, const Place& place) {
  const std::size_t needed = std::max<std::size_t>(options.min_characters, 1);
  for (std::size_t split = 0; split < 3; ++split) {
    const std::size_t found = count_characters(texts[split]);
    if (found >= needed) continue;
    std::string message =
        fmt::format("'{}' holds too little text: {} characters are left for {}, needed are {}", options.path,
                    found, kSplitNames[split], needed);
    if (removed[split].characters > 0)
      message += fmt::format(" ({} were taken out because other splits hold the same passages)",
                             removed[split].characters);
    const double share = split == 0   ? 1.0 - options.validation - options.test
                         : split == 1 ? options.validation
                                      : options.test;
    throw Error(message, place,
                removed[split].characters > 0
                    ? "give more text that does not repeat itself"
                    : fmt::format("give at least {:.0f} characters of text, or a larger share of it",
                                  std::ceil(static_cast<double>(needed) / share * 1.2)));
  }
}

}  // namespace

Corpus Corpus::load(const CorpusOptions& options, const Place& place) {
  check(options);
  TextFiles read = read_text_files(options.path, options.max_bytes, place);
  Corpus corpus;
  corpus.summary_ = summarise(options, read);
  const auto groups = group_by_passages(read.files);
  SplitTexts splits = split_texts(
      read.files, groups, {1.0 - options.validation - options.test, options.validation, options.test});
  read.files.clear();

  auto& [train, validation, test] = splits.texts;
  const std::string_view joint = joint_for(train);
  std::array<Removed, 3> removed;
  removed[1] = remove_passages(validation, {&train}, joint);
  removed[2] = remove_passages(test, {&train, &validation}, joint);
  need_enough(splits.texts, removed, options, place);

  corpus.choose_vocabulary(train, options.max_vocabulary);
  KeyBuilder key;
  key.text("corpus").integer(kVersion);
  for (char32_t c : corpus.characters_) key.integer(c);
  Json& summary = corpus.summary_;
  summary["groups"] = groups.size();
  summary["split_by"] = splits.by_position ? "position" : "file";
  for (std::size_t split = 0; split < 3; ++split) {
    auto& tokens = corpus.tokens_[split];
    tokens = corpus.encode_valid(splits.texts[split]);
    std::string().swap(splits.texts[split]);
    corpus.unknown_[split] = static_cast<std::uint64_t>(std::count(tokens.begin(), tokens.end(), 0));
    key.key(hash_key({reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int32_t)}));
    auto& names = splits.files[split];
    const std::size_t files = names.size();
    names.resize(std::min(files, kListed));
    summary[kSplitNames[split]] = {{"characters", tokens.size()},
                                   {"unknown", corpus.unknown_[split]},
                                   {"overlap_removed", removed[split].characters},
                                   {"overlap_places", removed[split].places},
                                   {"files", {{"count", files}, {"names", names}}}};
  }
  corpus.key_ = key.build();
  summary["vocabulary"] = corpus.vocabulary();
  summary["key"] = corpus.key_.hex();
  return corpus;
}

void Corpus::choose_vocabulary(std::string_view train, std::size_t most) {
  std::vector<std::uint32_t> counts(kCodePoints);
  for (std::size_t at = 0; at < train.size();) ++counts[next_character(train, at)];
  std::vector<char32_t> found;
  for (char32_t c = 0; c < kCodePoints; ++c)
    if (counts[c] > 0) found.push_back(c);
  summary_["distinct_characters"] = found.size();
  if (found.size() > most - 1) {
    std::stable_sort(found.begin(), found.end(),
                     [&](char32_t a, char32_t b) { return counts[a] > counts[b]; });
    found.resize(most - 1);
    std::sort(found.begin(), found.end());
  }
  characters_.assign(1, kReplacementCharacter);
  characters_.insert(characters_.end(), found.begin(), found.end());
  symbols_.assign(found.empty() ? 0 : found.back() + 1, 0);
  for (std::size_t symbol = 1; symbol < characters_.size(); ++symbol)
    symbols_[characters_[symbol]] = static_cast<std::int32_t>(symbol);
}

std::vector<std::int32_t> Corpus::encode_valid(std::string_view utf8) const {
  std::vector<std::int32_t> tokens;
  tokens.reserve(count_characters(utf8));
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t c = next_character(utf8, at);
    tokens.push_back(c < symbols_.size() ? symbols_[c] : 0);
  }
  return tokens;
}

std::vector<std::int32_t> Corpus::encode(std::string_view utf8) const {
  if (const std::size_t at = invalid_utf8(utf8); at != kValidUtf8)
    throw Error(fmt::format("the text is not UTF-8 at offset {}", at), {},
                "convert it, e.g. iconv -f latin1 -t utf-8");
  return encode_valid(utf8);
}

std::string Corpus::decode(const std::vector<std::int32_t>& tokens) const {
  std::string text;
  text.reserve(tokens.size());
  for (std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary())
      throw internal_error(fmt::format("token {} is outside the vocabulary of {}", token, vocabulary()));
    append_utf8(text, characters_[static_cast<std::size_t>(token)]);
  }
  return text;
}

double Corpus::unknown_bits() { return std::log2(static_cast<double>(kCodePoints)); }

double Corpus::unknown_bits_per_character(Split split) const {
  return static_cast<double>(unknown(split)) * unknown_bits() / static_cast<double>(tokens(split).size());
}

}  // namespace hone::task
