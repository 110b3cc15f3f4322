"""A restore is killed and comes at the worst moment: an old backup does not send last night again."""

from tests.faults.cases import every_document_once, killed_at
from tests.faults.restoring import MAPPING, backed_up, looked_up, put_back, settled
from tests.faults.worlds import WORLDS


def test_killed_in_the_middle_of_the_mapping_it_goes_on(worlds):
    with worlds.house("three batches") as house:
        path = backed_up(house)
        assert house.until_idle() == 0, house.said()
        put_back(house, path)
        for place in MAPPING:
            killed_at(place)(house)
        looked_up(house)
        settled(house)
        assert house.until_idle() == 0, house.said()
        every_document_once(house, WORLDS["three batches"])


def test_what_was_half_sent_at_the_time_of_the_backup_is_settled_by_what_the_api_lists(worlds):
    with worlds.house("three batches") as house:
        killed_at("submit: claimed@2")(house)
        path = backed_up(house)
        house.let_senders_be_done()
        assert house.until_idle() == 0, house.said()
        put_back(house, path)
        house.let_senders_be_done()
        looked_up(house)
        settled(house)
        assert house.until_idle() == 0, house.said()
        every_document_once(house, WORLDS["three batches"])
