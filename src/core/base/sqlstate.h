// The SQLSTATEs that the extension raises or looks for, by the names that PostgreSQL gives them
// (appendix "PostgreSQL Error Codes"). pg/guard.cpp compares them with the server's, and
// scripts/lint finds an SQLSTATE that is written as a literal.
#pragma once

namespace etl::sqlstate
{

inline constexpr char feature_not_supported[] = "0A000";
inline constexpr char string_data_right_truncation[] = "22001";
inline constexpr char numeric_value_out_of_range[] = "22003";
inline constexpr char null_value_not_allowed[] = "22004";
inline constexpr char invalid_datetime_format[] = "22007";
inline constexpr char datetime_field_overflow[] = "22008";
inline constexpr char invalid_time_zone_displacement_value[] = "22009";
inline constexpr char character_not_in_repertoire[] = "22021";
inline constexpr char invalid_parameter_value[] = "22023";
inline constexpr char invalid_text_representation[] = "22P02";
inline constexpr char bad_copy_file_format[] = "22P04";
inline constexpr char untranslatable_character[] = "22P05";
inline constexpr char integrity_constraint_violation[] = "23000";
inline constexpr char not_null_violation[] = "23502";
inline constexpr char foreign_key_violation[] = "23503";
inline constexpr char unique_violation[] = "23505";
inline constexpr char check_violation[] = "23514";
inline constexpr char active_sql_transaction[] = "25001";
inline constexpr char read_only_sql_transaction[] = "25006";
inline constexpr char trigger_protocol_violated[] = "39P01";
inline constexpr char serialization_failure[] = "40001";
inline constexpr char deadlock_detected[] = "40P01";
inline constexpr char insufficient_privilege[] = "42501";
inline constexpr char invalid_name[] = "42602";
inline constexpr char undefined_object[] = "42704";
inline constexpr char duplicate_object[] = "42710";
inline constexpr char datatype_mismatch[] = "42804";
inline constexpr char wrong_object_type[] = "42809";
inline constexpr char generated_always[] = "428C9";
inline constexpr char undefined_table[] = "42P01";
inline constexpr char insufficient_resources[] = "53000";
inline constexpr char disk_full[] = "53100";
inline constexpr char out_of_memory[] = "53200";
inline constexpr char configuration_limit_exceeded[] = "53400";
inline constexpr char program_limit_exceeded[] = "54000";
inline constexpr char statement_too_complex[] = "54001";
inline constexpr char object_not_in_prerequisite_state[] = "55000";
inline constexpr char object_in_use[] = "55006";
inline constexpr char lock_not_available[] = "55P03";
inline constexpr char io_error[] = "58030";
inline constexpr char undefined_file[] = "58P01";
inline constexpr char duplicate_file[] = "58P02";
inline constexpr char internal_error[] = "XX000";
inline constexpr char data_corrupted[] = "XX001";

} // namespace etl::sqlstate
