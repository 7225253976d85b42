#include "hone/task/passages.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_map>

namespace hone::task {

namespace {

/// A set of hashes with a mark each: open addressing behind a Bloom filter whose two bits of a hash lie in
/// one word (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). Hashes are
/// taken in batches, with all their memory asked for before any of it is read: one by one, each would wait
/// for the memory.
class HashSet {
 public:
  explicit HashSet(std::size_t most) {
    const std::size_t slots = std::bit_ceil(2 * most + 16);
    table_.resize(slots);
    marks_.resize(slots);
    filter_.resize(slots / 16);  // eight to sixteen bits a hash
  }

  using Batch = std::array<std::uint64_t, 64>;

  void add(const Batch& hashes, std::size_t size) {
    ask(hashes, size);
    for (std::size_t i = 0; i < size; ++i) {
      table_[find(hashes[i])] = nonzero(hashes[i]);
      filter_[word(hashes[i])] |= bits(hashes[i]);
    }
  }

  /// Marks those that the set holds; says whether there were any.
  bool mark(const Batch& hashes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) __builtin_prefetch(&filter_[word(hashes[i])]);
    Batch likely;
    std::size_t found = 0;
    for (std::size_t i = 0; i < size; ++i) {
      likely[found] = hashes[i];
      found += (filter_[word(hashes[i])] & bits(hashes[i])) == bits(hashes[i]);
    }
    ask(likely, found);
    bool any = false;
    for (std::size_t i = 0; i < found; ++i) {
      const std::size_t slot = find(likely[i]);
      if (table_[slot] == 0) continue;
      marks_[slot] = any = true;
    }
    return any;
  }

  bool marked(std::uint64_t hash) const { return marks_[find(hash)]; }

 private:
  static std::uint64_t nonzero(std::uint64_t hash) { return hash | 1; }  // 0 is an empty slot
  std::size_t word(std::uint64_t hash) const { return (hash >> 20) & (filter_.size() - 1); }
  static std::uint64_t bits(std::uint64_t hash) {
    return std::uint64_t{1} << (hash >> 58) | std::uint64_t{1} << (hash >> 52 & 63);
  }
  std::size_t home(std::uint64_t hash) const { return (hash >> 1) & (table_.size() - 1); }
  std::size_t find(std::uint64_t hash) const {
    const std::uint64_t wanted = nonzero(hash);
    std::size_t slot = home(hash);
    while (table_[slot] != 0 && table_[slot] != wanted) slot = (slot + 1) & (table_.size() - 1);
    return slot;
  }
  void ask(const Batch& hashes, std::size_t size) const {
    for (std::size_t i = 0; i < size; ++i) __builtin_prefetch(&table_[home(hashes[i])]);
  }

  std::vector<std::uint64_t> table_;
  std::vector<bool> marks_;
  std::vector<std::uint64_t> filter_;
};

/// Collects hashes and hands them on by the batch; flush() hands on the rest.
template <typename Use>
class Batches {
 public:
  explicit Batches(Use use) : use_(std::move(use)) {}
  void push(std::uint64_t hash) {
    batch_[size_++] = hash;
    if (size_ == batch_.size()) flush();
  }
  void flush() {
    use_(batch_, size_);
    size_ = 0;
  }

 private:
  Use use_;
  HashSet::Batch batch_{};
  std::size_t size_ = 0;
};

using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

void cover(Ranges& ranges, std::size_t begin, std::size_t end) {
  if (!ranges.empty() && begin <= ranges.back().second) {
    ranges.back().second = std::max(ranges.back().second, end);
  } else {
    ranges.emplace_back(begin, end);
  }
}

/// Calls visit(hash, begin, end) for the windows that touch one of the byte positions; for all where there
/// are none.
template <typename Visit>
void for_each_passage_at(const std::string& text, const std::vector<std::size_t>& positions, Visit visit) {
  std::size_t next = 0;
  for_each_passage(text, [&](std::uint64_t hash, std::size_t begin, std::size_t end) {
    if (!positions.empty()) {
      while (next < positions.size() && positions[next] < begin) ++next;
      if (next == positions.size() || positions[next] > end) return;
    }
    visit(hash, begin, end);
  });
}

/// Keeps what `taken` leaves of `text`, if long enough, joined by `joint`. Returns the joints' positions.
std::vector<std::size_t> take_out(std::string& text, const Ranges& taken, std::string_view joint) {
  std::string kept;
  std::vector<std::size_t> joints;
  const auto keep = [&](std::size_t begin, std::size_t end) {
    const std::string_view piece = std::string_view(text).substr(begin, end - begin);
    if (count_characters(piece) < kPassage) return;
    if (!kept.empty()) {
      joints.push_back(kept.size());
      kept += joint;
    }
    kept += piece;
  };
  std::size_t from = 0;
  for (const auto& [begin, end] : taken) {
    keep(from, begin);
    from = end;
  }
  keep(from, text.size());
  text = std::move(kept);
  return joints;
}

}  // namespace

Removed remove_passages(std::string& text, const std::vector<const std::string*>& references,
                        std::string_view joint) {
  Removed removed;
  std::vector<std::size_t> joints;
  // Joining pieces makes new windows, which may occur in a reference as well: look again, at those only.
  for (bool first = true; first || !joints.empty(); first = false) {
    std::size_t windows = 0;
    for_each_passage_at(text, joints, [&](std::uint64_t, std::size_t, std::size_t) { ++windows; });
    HashSet set(windows);
    Batches adding([&](const HashSet::Batch& hashes, std::size_t size) { set.add(hashes, size); });
    for_each_passage_at(text, joints,
                        [&](std::uint64_t hash, std::size_t, std::size_t) { adding.push(hash); });
    adding.flush();
    bool any = false;
    Batches marking([&](const HashSet::Batch& hashes, std::size_t size) { any |= set.mark(hashes, size); });
    for (const std::string* reference : references)
      for_each_passage(*reference, [&](std::uint64_t hash, std::size_t, std::size_t) { marking.push(hash); });
    marking.flush();
    if (!any) break;
    Ranges taken;
    for_each_passage_at(text, joints, [&](std::uint64_t hash, std::size_t begin, std::size_t end) {
      if (set.marked(hash)) cover(taken, begin, end);
    });
    const std::size_t before = count_characters(text);
    joints = take_out(text, taken, joint);
    removed.characters += before - count_characters(text);
    removed.places += taken.size();
  }
  return removed;
}

namespace {

class Groups {
 public:
  explicit Groups(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::size_t root(std::size_t item) {
    while (parent_[item] != item) item = parent_[item] = parent_[parent_[item]];
    return item;
  }
  void join(std::size_t a, std::size_t b) {
    const std::size_t x = root(a), y = root(b);
    parent_[std::max(x, y)] = std::min(x, y);
  }

 private:
  std::vector<std::size_t> parent_;
};

}  // namespace

std::vector<std::vector<std::size_t>> group_by_passages(const std::vector<TextFile>& files,
                                                        double containment) {
  if (files.size() == 1) return {{0}};
  std::uint64_t total = 0;
  for (const TextFile& file : files) total += file.text.size();
  // At most some two million samples, the same ones in every file.
  const std::uint64_t mask = std::bit_ceil(total / (1 << 21) + 1) - 1;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> samples;
  std::vector<std::uint32_t> sizes(files.size());
  std::vector<std::uint64_t> own;
  for (std::size_t file = 0; file < files.size(); ++file) {
    own.clear();
    for_each_passage(files[file].text, [&](std::uint64_t hash, std::size_t, std::size_t) {
      if ((hash >> 32 & mask) == 0) own.push_back(hash);
    });
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    sizes[file] = static_cast<std::uint32_t>(own.size());
    for (std::uint64_t hash : own) samples.emplace_back(hash, static_cast<std::uint32_t>(file));
  }
  std::sort(samples.begin(), samples.end());

  // Counting all pairs would be quadratic for a passage that many files share, such as a licence's header;
  // the first few stand for the rest, which the union joins through them.
  constexpr std::size_t kStandIns = 8;
  std::unordered_map<std::uint64_t, std::uint32_t> shared;
  for (std::size_t from = 0, to = 0; from < samples.size(); from = to) {
    for (to = from + 1; to < samples.size() && samples[to].first == samples[from].first;) ++to;
    for (std::size_t a = from; a < std::min(to, from + kStandIns); ++a)
      for (std::size_t b = a + 1; b < to; ++b)
        ++shared[std::uint64_t{samples[a].second} << 32 | samples[b].second];
  }
  Groups groups(files.size());
  for (const auto& [pair, count] : shared) {
    const auto a = static_cast<std::size_t>(pair >> 32), b = static_cast<std::size_t>(pair & 0xffffffff);
    if (count >= containment * std::min(sizes[a], sizes[b])) groups.join(a, b);
  }
  std::vector<std::vector<std::size_t>> result;
  std::vector<std::size_t> group_of(files.size());
  for (std::size_t file = 0; file < files.size(); ++file) {
    const std::size_t root = groups.root(file);
    if (root == file) {
      group_of[file] = result.size();
      result.emplace_back();
    }
    result[group_of[root]].push_back(file);
  }
  return result;
}

}  // namespace hone::task
