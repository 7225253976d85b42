#include "hone/study/store.h"

#include <fstream>

namespace hone::study {

std::shared_ptr<Store> open_store(const std::string& url) {
  const std::size_t colon = url.find(':');
  const bool has_scheme = colon != std::string::npos && url.find('/') > colon;
  const std::string scheme = has_scheme ? url.substr(0, colon) : "sqlite";
  const std::string rest = has_scheme ? url.substr(colon + 1) : url;
  return methods().maker<MakeStore>("store", scheme, Place{"", 0, "store"})(rest);
}

std::string boot_id() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(stream, id);
  return id;
}

}  // namespace hone::study
