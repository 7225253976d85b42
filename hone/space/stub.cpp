#include "hone/space/space.h"
namespace hone::space {
std::optional<Config> Space::default_config() const { return std::nullopt; }
std::optional<Config> Space::adopt(const Config& old) const { return old; }
Extension extension(const Space& older, const Space& newer) {
  if (older.text() == newer.text()) return {};
  return {false, {"the space changed"}, "it changed"};
}
}  // namespace hone::space
