// The views of a study as they are kept in its store: what a light study begins with.
#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/study.h"

namespace hone::study {
namespace {

constexpr const char* kName = "study";
constexpr int kVersion = 9;
constexpr std::int64_t kSaveEvery = 5000;

using Lists = std::map<std::int64_t, std::vector<std::int64_t>>;

Json lists_json(const Lists& lists) {
  Json json = Json::array();
  for (const auto& [id, members] : lists)
    if (!members.empty()) json.push_back({id, members});
  return json;
}

Lists lists_of(const Json& json) {
  Lists lists;
  for (const Json& entry : json) lists[entry.at(0)] = entry.at(1).get<std::vector<std::int64_t>>();
  return lists;
}

Json reals_json(const std::vector<double>& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(real_to_json(value));
  return json;
}

std::vector<double> reals_of(const Json& json) {
  std::vector<double> values;
  for (const Json& value : json) values.push_back(json_to_real(value));
  return values;
}

}  // namespace

Json Study::views_json() const {
  Json judgements = Json::array();
  for (const Judgement& judgement : judgements_) {
    const Event alone =
        encode(Record(RevisedRecord{"", "", judgement.limits, 1, Aggregate::mean, {}, judgement.horizon}));
    judgements.push_back({judgement.sequence, Json::parse(alone.payload)});
  }
  Json front = Json::array();
  for (const auto& member : points_.front().members())
    front.push_back({member.trial, reals_json(member.values)});
  // As the journal would say it, so that one reader does for both.
  const Event header = encode(Record(RevisedRecord{header_.file,
                                                   header_.text,
                                                   header_.limits,
                                                   header_.replicates,
                                                   header_.aggregate,
                                                   {},
                                                   header_.horizon}));
  Json views = {{"version", kVersion},
                {"header", Json::parse(header.payload)},
                {"revision", revision_},
                {"judgements", judgements},
                {"size", size_},
                {"counts", counts_},
                {"waiting", waiting_},
                {"behind", lists_json(behind_)},
                {"followers", lists_json(followers_)},
                {"replicates", lists_json(replicates_)},
                {"joined", lists_json(joined_)},
                {"front", front},
                {"worst", reals_json(points_.worst())},
                {"best", reals_json(points_.best())},
                {"saved",
                 {saved_.repeated_config, saved_.same_structure, saved_.same_function, saved_.over_limit,
                  saved_.fidelity, saved_.probes}},
                {"saved_s", {saved_.probe_s, saved_.evaluation_s}},
                {"known_in_a_row", known_in_a_row_},
                {"causes", causes_},
                {"spending", spending_.json()},
                {"late", late_},
                {"unknown", unknown_},
                {"sessions", sessions_.json()},
                {"first_time_s", first_time_s_},
                {"last_time_s", last_time_s_}};
  // Views of earlier programs, which did not count them, say the same of a study where nothing was
  // unhashable.
  if (unhashable_.count > 0) views["unhashable"] = {unhashable_.count, unhashable_.trial, unhashable_.reason};
  return views;
}

void Study::take_views(const Json& views) {
  const Record record = decode(Event{0, "revised", 1, 0.0, views.at("header").dump()});
  const auto& header = std::get<RevisedRecord>(record);
  header_.file = header.file;
  header_.text = header.text;
  header_.limits = header.limits;
  header_.replicates = header.replicates;
  header_.aggregate = header.aggregate;
  if (header.horizon > 0) header_.horizon = header.horizon;
  revision_ = views.at("revision");
  judgements_.clear();
  for (const Json& entry : views.at("judgements")) {
    const Record record = decode(Event{0, "revised", 1, 0.0, entry.at(1).dump()});
    const auto& judgement = std::get<RevisedRecord>(record);
    judgements_.push_back({entry.at(0), judgement.limits, judgement.horizon});
  }
  size_ = views.at("size");
  counts_ = views.at("counts").get<decltype(counts_)>();
  waiting_ = views.at("waiting").get<std::deque<std::int64_t>>();
  behind_ = lists_of(views.at("behind"));
  followers_ = lists_of(views.at("followers"));
  replicates_ = lists_of(views.at("replicates"));
  std::vector<Front::Member> members;
  for (const Json& member : views.at("front")) members.push_back({member.at(0), reals_of(member.at(1))});
  points_.restore(members, reals_of(views.at("worst")), reals_of(views.at("best")));
  joined_ = lists_of(views.at("joined"));
  const auto saved = views.at("saved").get<std::array<std::int64_t, 6>>();
  const auto seconds = views.at("saved_s").get<std::array<double, 2>>();
  saved_ = {saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], seconds[0], seconds[1]};
  // Earlier programs know nothing of it.
  if (const auto found = views.find("unhashable"); found != views.end())
    unhashable_ = {found->at(0), found->at(1), found->at(2)};
  known_in_a_row_ = views.at("known_in_a_row");
  causes_ = views.at("causes").get<decltype(causes_)>();
  spending_ = Spending::from_json(views.at("spending"));
  late_ = views.at("late");
  unknown_ = views.at("unknown");
  sessions_ = Sessions::from_json(views.at("sessions"));
  first_time_s_ = views.at("first_time_s");
  last_time_s_ = views.at("last_time_s");
}

bool Study::load_views() {
  const auto view = store_->view(kName);
  if (!view || view->sequence > store_->head()) return false;
  const StudyRecord header = header_;
  try {
    const Json views = Json::parse(view->payload);
    if (views.at("version") != kVersion) return false;
    take_views(views);
    applied_ = saved_at_ = view->sequence;
    return true;
  } catch (const std::exception&) {
    // Whatever is wrong with it: the journal has all.
    clear();
    header_ = header;
    return false;
  }
}

void Study::save_views() {
  if (applied_ == 0 || applied_ == saved_at_) return;
  try {
    const auto there = store_->view(kName);
    if (there && there->sequence > applied_ - kSaveEvery && there->sequence < applied_ &&
        applied_ - saved_at_ < 2 * kSaveEvery && there->sequence != saved_at_) {
      saved_at_ = there->sequence;  // another process has just done it
      return;
    }
    if (there && there->sequence >= applied_ && there->sequence <= store_->head()) {
      saved_at_ = there->sequence;
      return;
    }
    store_->save_view(kName, {applied_, views_json().dump(-1, ' ', false, Json::error_handler_t::replace)});
    saved_at_ = applied_;
  } catch (const Error&) {
    saved_at_ = applied_;  // a full disk, say: the journal does without
  }
}

}  // namespace hone::study
