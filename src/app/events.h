#pragma once

#include <string_view>

/// What can happen to the program as a whole.
namespace tapeline::app::events {

void started(std::string_view feed, std::string_view data_dir);
void stopped(double seconds);
/// The checkpoint is of another version or damaged; everything is rebuilt from the log.
void checkpoint_dropped(std::string_view why);
void log_unreadable(std::string_view why);
void store_unreadable(std::string_view why);
void commit_failed(std::string_view why);

}  // namespace tapeline::app::events
