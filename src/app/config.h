#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/pipeline.h"
#include "base/diag.h"
#include "base/settings.h"
#include "engine/engine.h"
#include "ingest/finnhub/options.h"
#include "ingest/options.h"
#include "log/options.h"
#include "serve/options.h"
#include "simulate/options.h"
#include "store/options.h"

namespace tapeline::app {

struct DataOptions {
  std::string directory;  ///< Empty: one per feed below the user's data folder.
  std::string feed;       ///< Empty: told by what is run.
};

struct DeadLetterOptions {
  int64_t bytes_max = 256 << 20;
};

struct DiagOptions {
  std::string level = "info";
  std::string format = "auto";
};

/// All settings of the program, declared once. Not copied or moved: the declarer points inside.
class Config {
 public:
  Config();
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  /// Level and format of what is printed.
  void apply_diagnostics() const;

  /// data.directory, or the default one of that feed: below $XDG_DATA_HOME/tapeline, else
  /// ~/.local/share/tapeline.
  std::string data_directory(const std::string& feed_name) const;

  DataOptions data;
  DiagOptions diag;
  log::Options log;
  DeadLetterOptions dead_letters;
  ingest::finnhub::Options feed;
  ingest::Options ingest;
  engine::Options engine;
  engine::ContentOptions content;
  PipelineOptions pipeline;
  store::Options store;
  serve::Options serve;
  simulate::Options simulate;
  settings::Declarer declarer;
};

}  // namespace tapeline::app
