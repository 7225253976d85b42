#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/registry.h"

namespace hone::study {

/// One line of the journal. `payload` is a JSON object; its meaning by kind and version is docs/formats.md.
struct Event {
  std::int64_t sequence = 0;  ///< 1, 2, 3, ... given by the store
  std::string kind;
  int version = 1;
  double time_s = 0.0;  ///< the store's clock, seconds since 1970, never falling
  std::string payload;
  std::int64_t trial = -1;  ///< whose event it is; -1: the study's
};

/// A claim on a name ("ask", "trial/17") for a limited time. The token fences it: whoever holds an older one
/// can no longer write under that name.
struct Lease {
  std::string name;
  std::int64_t token = 0;
};

struct HeldLease {
  Lease lease;
  std::string holder;
  double expires_s = 0.0;  ///< by the store's clock
};

/// The journal of one study: append-only events, and leases beside them. Thread safe; the SQLite store is
/// shared between processes of one machine. A store that cannot be written (a read-only file) can be read;
/// its writing methods throw. Every method throws Error (environment) where the store is lost or full;
/// nothing is half written then.
class Store {
 public:
  virtual ~Store() = default;

  /// What to do in one transaction.
  struct Commit {
    std::vector<Event> events;  ///< sequence and time are filled in by the store
    std::vector<Lease> need;    ///< all must still be held with these tokens, or nothing happens
    /// Leases to take with the given tokens, whoever held the names.
    std::vector<HeldLease> take;    ///< expires_s: how long from now
    std::vector<Lease> release;     ///< given back; tokens under the name go on rising
    std::vector<std::string> drop;  ///< names that are never leased again by acquire ("trial/17")
  };
  struct Receipt {
    bool done = false;       ///< false: a needed lease was lost; nothing was written
    std::int64_t first = 0;  ///< sequence of the first event
    double time_s = 0.0;
  };
  virtual Receipt commit(const Commit& commit) = 0;

  /// Calls `take` with every event after `sequence`, in order.
  virtual void read(std::int64_t sequence, const std::function<void(const Event&)>& take) = 0;
  virtual std::optional<Event> first() = 0;  ///< nullopt: the journal is empty
  virtual std::int64_t head() = 0;           ///< sequence of the last event; 0: none
  /// The events of one trial up to `last`, in order: an index finds them.
  virtual void read_trial(std::int64_t trial, std::int64_t last,
                          const std::function<void(const Event&)>& take) = 0;

  /// What a study's views were after some event, kept so that a large journal need not be read to look at it.
  /// One under a name; a newer one replaces it. Never needed: a reader that cannot use it reads the journal.
  struct View {
    std::int64_t sequence = 0;
    std::string payload;
  };
  virtual void save_view(const std::string& name, const View& view) = 0;
  virtual std::optional<View> view(const std::string& name) = 0;

  /// Takes a lease where nobody holds it or it has expired; the token is one more than the last under this
  /// name. nullopt: somebody holds it.
  virtual std::optional<Lease> acquire(const std::string& name, const std::string& holder,
                                       double seconds) = 0;
  /// Prolongs it to `seconds` from now; false: it is lost.
  virtual bool renew(const Lease& lease, double seconds) = 0;
  virtual void release(const Lease& lease) = 0;
  /// Leases held under names that start with `prefix`, expired ones too.
  virtual std::vector<HeldLease> leases(const std::string& prefix) = 0;

  virtual double now_s() = 0;
  virtual std::string url() const = 0;  ///< as given to open_store
};

/// Opens or creates a store by URL: "memory:", "sqlite:PATH" or a path. Throws Error.
std::shared_ptr<Store> open_store(const std::string& url);

/// Whether a store is there: of those kept in files, whether the file is. Opens and makes nothing. Throws
/// Error where no store is of the URL's scheme, or the URL names no file.
bool store_exists(const std::string& url);

/// Opens a store that is there already; makes none. Throws Error where there is none.
std::shared_ptr<Store> open_existing_store(const std::string& url);

/// Changes with every start of this machine; "" where the system does not say.
std::string boot_id();

/// Kind "store" in the registry, named by the URL's scheme; takes what stands after "scheme:".
using MakeStore = std::function<std::shared_ptr<Store>(const std::string& rest)>;

}  // namespace hone::study
