#include "hone/study/study.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/trial_changes.h"

namespace hone::study {
namespace {

/// Views are saved when they would spare a reader so many events.
constexpr std::int64_t kSaveViewsEvery = 5000;
/// A light study keeps so many trials before it lets go of those that are not under way.
constexpr std::size_t kMostKept = 20000;

}  // namespace

void Study::create(Store& store, const StudyRecord& header) {
  std::optional<Lease> lease;
  for (int tries = 0; !(lease = store.acquire("create", "create", 30.0)); ++tries) {
    if (store.head() > 0) return;  // another process has just done it
    if (tries > 4000)
      throw environment_error("another process is creating this study", "try again in a moment");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (store.head() == 0) {
    Store::Commit commit;
    commit.events = {encode(Record(header))};
    commit.need = {*lease};
    commit.release = {*lease};
    store.commit(commit);
  } else {
    store.release(*lease);
  }
}

Study::Study(std::shared_ptr<Store> store, Depth depth)
    : store_(std::move(store)), light_(depth == Depth::light) {
  if (const auto event = store_->first()) {
    const Record record = decode(*event);
    const auto* header = std::get_if<StudyRecord>(&record);
    if (header == nullptr)
      throw Error("the journal does not begin with a study", Place{store_->url(), 0, ""},
                  "this is not a store of hone, or a newer program wrote it");
    header_ = *header;
  } else {
    throw Error("there is no study in this store", Place{store_->url(), 0, ""}, "run hone search");
  }
  first_rules_ = rules();
  points_.reset(header_.objectives.size(), light_);
}

void Study::listen(Listener listener) {
  if (applied_ > 0) throw internal_error("a listener was added to a study that had already begun");
  if (light_) throw internal_error("a light study tells no changes");
  listeners_.push_back(std::move(listener));
}

void Study::listen_to_reports(ReportListener listener) {
  if (applied_ > 0 || light_) throw internal_error("reports are told from the beginning of a whole study");
  report_listener_ = std::move(listener);
}

void Study::clear() {
  applied_ = revision_ = size_ = 0;
  judgements_.clear();
  trials_.clear();
  some_.clear();
  by_key_.clear();
  followers_.clear();
  replicates_.clear();
  joined_.clear();
  behind_.clear();
  counts_ = {};
  waiting_.clear();
  points_.reset(header_.objectives.size(), light_);
  saved_ = {};
  known_in_a_row_ = 0;
  unhashable_ = {};
  causes_.clear();
  spending_ = {};
  late_ = unknown_ = 0;
  sessions_ = {};
  first_time_s_ = last_time_s_ = 0.0;
}

bool Study::apply_new() {
  const std::int64_t before = applied_;
  store_->read(applied_, [&](const Event& event) {
    if (event.sequence != applied_ + 1)
      throw Error(fmt::format("event {} is missing from the journal", applied_ + 1),
                  Place{store_->url(), 0, ""}, "the store is damaged: hone store check says how far");
    decoded_.clear();
    decode(event, decoded_);
    for (const Record& record : decoded_) apply(record, event.time_s);
    applied_ = event.sequence;
  });
  return applied_ != before;
}

bool Study::sync() {
  bool any = false;
  if (light_) {
    if (applied_ == 0) any = load_views();
    if (some_.size() > kMostKept) std::erase_if(some_, [](const auto& entry) { return !busy(entry.second); });
    try {
      any = apply_new() || any;
    } catch (const NeedsAll&) {
      read_whole();
      any = true;
    }
  } else {
    any = apply_new();
  }
  if (applied_ - saved_at_ >= kSaveViewsEvery) save_views();
  return any;
}

void Study::read_whole() {
  light_ = false;
  clear();
  apply_new();
  save_views();
}

bool Study::commit(const std::vector<Record>& records, Store::Commit leases, bool later) {
  leases.events = encode(std::span<const Record>(records));
  const auto n = static_cast<std::int64_t>(leases.events.size());
  const Store::Receipt receipt = store_->commit(leases);
  if (!receipt.done) return false;
  if (records.empty()) return true;
  const bool revised = std::any_of(records.begin(), records.end(), [](const Record& record) {
    return std::holds_alternative<RevisedRecord>(record);
  });
  if (receipt.first != applied_ + 1 || revised) {
    if (!later || revised) sync();
    return true;
  }
  // Nobody wrote in between: what was just encoded need not be read back.
  try {
    for (const Record& record : records) apply(record, receipt.time_s);
    applied_ += n;
  } catch (const NeedsAll&) {
    read_whole();
  }
  if (applied_ - saved_at_ >= kSaveViewsEvery) save_views();
  return true;
}

const std::deque<Trial>& Study::trials() const {
  if (light_) throw internal_error("a light study does not have all trials");
  return trials_;
}

const Trial& Study::trial(std::int64_t id) const {
  if (id < 0 || id >= size())
    throw Error(
        fmt::format("there is no trial {}", id), {},
        size_ == 0 ? "the study has no trials yet" : fmt::format("trials go from 0 to {}", size() - 1));
  return at(id);
}

Trial& Study::at(std::int64_t id) const {
  if (id < 0 || id >= size())
    throw Error(fmt::format("the journal speaks of trial {} before it was proposed", id),
                Place{store_->url(), 0, ""}, "the store is damaged: hone store check says how far");
  if (!light_) return const_cast<Trial&>(trials_[static_cast<std::size_t>(id)]);
  const auto found = some_.find(id);
  if (found != some_.end()) return found->second;
  Trial loaded = load(id);
  return some_[id] = std::move(loaded);
}

const Trial* Study::find(Key config_key) const {
  if (light_) throw internal_error("a light study does not know all configs");
  const auto found = by_key_.find(config_key);
  return found == by_key_.end() ? nullptr : &trials_[static_cast<std::size_t>(found->second)];
}

const std::vector<std::int64_t>& Study::followers(std::int64_t id) const {
  static const std::vector<std::int64_t> none;
  const auto found = followers_.find(id);
  return found == followers_.end() ? none : found->second;
}

const std::vector<std::int64_t>& Study::replicates(std::int64_t id) const {
  static const std::vector<std::int64_t> none;
  const auto found = replicates_.find(id);
  return found == replicates_.end() ? none : found->second;
}

}  // namespace hone::study
