#include "hone/study/levels.h"

#include <algorithm>
#include <iterator>

#include "hone/study/front.h"

namespace hone::study {

void Levels::insert(std::int64_t id, std::vector<double> values) {
  // Being dominated by a level means being dominated by every level before, so the place is bisected.
  auto level = std::partition_point(levels_.begin(), levels_.end(), [&](const std::vector<Member>& members) {
    return std::any_of(members.begin(), members.end(),
                       [&](const Member& member) { return dominates(member.values, values); });
  });
  std::vector<Member> incoming;
  incoming.push_back({id, std::move(values)});
  for (; level != levels_.end() && !incoming.empty(); ++level) {
    const auto stays = [&](const Member& member) {
      return std::none_of(incoming.begin(), incoming.end(),
                          [&](const Member& better) { return dominates(better.values, member.values); });
    };
    const auto end = std::partition(level->begin(), level->end(), stays);
    std::vector<Member> outgoing(std::make_move_iterator(end), std::make_move_iterator(level->end()));
    level->erase(end, level->end());
    level->insert(level->end(), std::make_move_iterator(incoming.begin()),
                  std::make_move_iterator(incoming.end()));
    incoming = std::move(outgoing);
  }
  if (!incoming.empty()) levels_.push_back(std::move(incoming));

  std::size_t members = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    if (members >= keep_) {
      levels_.resize(i);
      break;
    }
    members += levels_[i].size();
  }
}

void Levels::remove(std::int64_t id) {
  const auto is_it = [&](const Member& member) { return member.id == id; };
  if (std::none_of(levels_.begin(), levels_.end(), [&](const std::vector<Member>& members) {
        return std::any_of(members.begin(), members.end(), is_it);
      }))
    return;
  auto old = std::move(levels_);
  levels_.clear();
  for (auto& members : old)
    for (auto& member : members)
      if (!is_it(member)) insert(member.id, std::move(member.values));
}

}  // namespace hone::study
