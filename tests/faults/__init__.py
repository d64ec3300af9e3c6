"""The course broken on purpose. Each fault ends in one clear line with its cure, or it is survived.

`test_table.py` holds this table to the tests: each of them is there.

| fault | what the learner sees | shown in |
|---|---|---|
| no network, or no name server | the network runs with random weights and says so; how to get them | test_fetching::test_a_connection_refused test_fetching::test_no_name_server test_fetching::test_offline_a_lesson_is_told_at_once_and_quietly |
| the network cut on the way | it starts again, then: broke off, try another network or another hour | test_fetching::test_after_a_cut_it_starts_again test_fetching::test_a_file_cut_short_each_time test_fetching::test_a_connection_that_is_lost_is_not_the_folders_fault |
| a server that stalls or says nothing | nothing came for so many seconds | test_fetching::test_a_stall_ends test_fetching::test_a_server_that_accepts_and_says_nothing |
| a server that refuses, or a login page | the status, or: a web page came in its place, log in | test_fetching::test_a_refusal_is_not_tried_again test_fetching::test_a_login_page_in_its_place |
| an update without a network | the environment stays as it is | ../unit/test_setup::test_an_update_without_network_leaves_what_there_is |
| a full disk while caching features | they are computed; one line says that they are not kept | test_full_disk::test_features_are_computed_and_a_line_says_that_they_are_not_kept |
| a full disk while keeping a training | it trains; one line says that it is not kept | test_full_disk::test_a_training_is_done_and_a_line_says_that_it_is_not_kept |
| a full disk while painting flowers or writing shards | cannot keep them in this folder: make room | test_full_disk::test_painted_flowers test_full_disk::test_shards |
| a full disk while downloading | the disk is full: make room, or set COURSE_WEIGHTS | test_full_disk::test_a_download test_fetching::test_a_disk_without_room |
| a full disk while saving progress, hints or the scoreboard | cannot write: free some space; what was there stays | test_full_disk::test_records |
| a full disk while saving a checkpoint | cannot write: make room; the checkpoint before it is still there | test_full_disk::test_a_checkpoint |
| a full disk while sharing, or writing a certificate | cannot write; nothing half is left | test_full_disk::test_a_shared_folder test_full_disk::test_a_certificate |
| a full disk during `make run` | the run ends with a line; lessons written before are whole | test_full_disk::test_a_run_of_lessons |
| a full disk behind the command line's output | the work goes on; one line on stderr | test_cli::test_a_full_disk_is_told_in_one_line |
| killed while training with checkpoints | the next run goes on at the next batch, to the same numbers | test_kills::test_eight_kills ../unit/test_scale_out::test_training_goes_on_as_if_it_had_never_stopped |
| killed while caching features | the next run computes the rest | test_kills::test_eight_kills ../unit/test_feature_parts::test_a_run_that_is_killed_goes_on_from_its_last_part |
| killed while downloading | no half file under the final name; it is fetched again | test_kills::test_eight_kills test_fetching::test_drafts_of_a_program_that_was_killed |
| killed while writing progress or scoreboard | each record that was made is there | test_kills::test_eight_kills |
| two `make run` and two notebooks at once | all end; nothing is lost, nothing is half | test_homes::test_two_runs_at_once_in_a_home_with_an_odd_and_long_name ../unit/test_feature_parts::test_two_processes_on_one_cache_give_the_same_and_leave_whole_parts ../unit/test_scoreboard::test_writers_in_several_processes_lose_no_row |
| a home with spaces, other letters, over 200 characters | nothing: it works | test_homes::test_two_runs_at_once_in_a_home_with_an_odd_and_long_name |
| a read-only home | cannot write: set COURSE_OUTPUT, COURSE_CACHE or COURSE_WEIGHTS; with them it runs | test_homes::test_where_nothing_can_be_kept_the_variable_is_named test_homes::test_commands_say_what_to_set test_homes::test_a_lesson_runs_in_a_read_only_home_once_its_folders_are_named |
| the course moved to another folder | nothing: its records go along | test_homes::test_a_moved_course_goes_on_with_its_records |
| a clock set back, or far ahead | nothing: what was kept is used, and training goes on | test_records_and_clock::test_what_was_kept_is_used_whatever_the_clock_says test_records_and_clock::test_training_goes_on_under_another_clock |
| a broken, foreign or newer record | it is kept beside itself under another name, and a new one begins | test_records_and_clock::test_it_is_told_once_and_kept_to_the_byte |
| a checkpoint of another program or a newer course | it is no checkpoint of this version: move it away | test_records_and_clock::test_a_checkpoint_of_another_program_is_told_and_stays |
| cells out of order, or a kernel restarted in the middle | beneath the error, the cell to run first | test_cells_out_of_order::test_the_line_stands_beneath_the_traceback test_cells_out_of_order::test_after_a_restart_the_first_cell_that_is_run_is_answered |
| a notebook renamed, moved or copied | it runs; a copy is no further lesson | test_cells_out_of_order::test_a_notebook_under_another_name_is_known_by_its_cells test_cells_out_of_order::test_a_copy_beside_a_lesson_is_no_lesson test_cells_out_of_order::test_a_lesson_that_was_renamed_runs_and_is_told |
| the wrong kernel | take the kernel Python 3 (ipykernel) of `make lab` | test_cells_out_of_order::test_a_kernel_without_the_course_is_told_by_the_first_lesson |
| too little memory for the backbone | what it takes, what is free, and a smaller one that fits, before anything is fetched | test_memory::test_a_backbone_that_does_not_fit_is_told_before_it_is_fetched |
| too little memory for the lesson | the contract in its first cells says so | test_memory::test_a_lesson_tells_in_its_first_cells_whether_its_memory_is_there |
| bad photos and bad weights | one line for each | test_bad_photos::test_a_bad_file_has_its_reason test_weights::test_a_pickle_that_wants_to_run_code |
"""  # noqa: E501
