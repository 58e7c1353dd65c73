"""A small authored tool that check_library finds nothing wrong with, and libraries made of it."""

from __future__ import annotations

from pathlib import Path

BERTHS = """\
name: Berthbook
category: Transportation
link: https://berths.example/
held_out: true
description: Berths of a marina, booked by the night.
introduction: >
  Berthbook keeps the berths of a marina and who lies in them. Harbour masters look places up by length, book
  them for a number of nights and free them again; prices follow from the berth and the nights, in euros, and
  whoever lies there longer than two weeks has to come by and sign a contract first.
server: https://api.berths.example/v1
world:
  berths:
    - {code: A1, pier: Öst, length: 9.5, price: 21, power: true}
    - {code: A2, pier: Öst, length: 12, price: 29.5, power: false}
    - {code: B7, pier: West, length: 15, price: 40, power: true}
    - {code: B8, pier: West, length: 7, price: 15}
    - {code: B9, pier: West, length: 8, price: 17.5}
  bookings:
    - {id: 41, berth: A1, boat: Ida, from: 2025-07-01, nights: 3}
functions:
  - name: vacancies
    route: GET /berths
    description: Berths that fit, cheapest first.
    parameters:
      min_length: {type: number, description: Metres that are needed at least}
      pier: {type: string, description: Name of the pier}
      only_power: {type: boolean, default: false, description: Only berths with electricity}
      limit: {type: integer, default: 2, minimum: 1, maximum: 10, description: The most to return}
    returns: Codes and prices.
    many:
      from: berths
      where: ["row.length >= min_length", "same(row.pier, pier)", "row.power or not only_power"]
      sort: row.price
      limit: limit
    give: [code, price]
  - name: reserve
    route: POST /berths/{code}/bookings
    description: Book a berth.
    parameters:
      code: {type: string, required: true, description: The berth's code}
      boat: {type: string, required: true, description: The boat's name}
      from: {type: string, format: date, required: true, description: First night}
      nights: {type: integer, required: true, minimum: 1, description: How many}
    returns: The booking with its price.
    one: {from: berths, where: ["row.code == code"], missing: "Berth {code} does not exist"}
    then: {price: row.price * nights}
    refuse:
      - {when: "nights > 14", status: 422, error: "At most 14 nights, not {nights}"}
      - {when: "find(bookings, 'boat', boat) != None", status: 409, error: "{boat} is here already"}
    add:
      to: bookings
      row: {id: "new_id(bookings, '', 41)", berth: code, boat: boat, from: "args['from']", nights: nights}
    give:
      id: row.id
      total: round(price, 2)
      until: plus_days(args['from'], nights)
      day: weekday(args['from'])
  - name: record
    route: GET /bookings/{id}
    description: One booking.
    parameters: {id: {type: integer, required: true, description: Its number}}
    returns: The booking.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
  - name: amend
    route: PATCH /bookings/{id}
    description: Change the nights.
    parameters:
      id: {type: integer, required: true, description: Its number}
      nights: {type: integer, required: true, description: New number of nights}
    returns: The booking.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
    set: {nights: nights}
    give: [id, nights]
  - name: release
    route: DELETE /bookings/{id}
    description: Cancel.
    parameters: {id: {type: integer, required: true, description: Its number}}
    returns: Nothing.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
    remove: true
faults: {503: The harbour office is closed, 429: One call a second}
instructions:
  - say: Please keep B7 for the Selma, three nights from the fourth of July 2025.
    steps:
      - thought: Everything is said.
        call: reserve
        with: {code: B7, boat: Selma, from: 2025-07-04, nights: 3}
    conclude: Booked.
    answer: B7 is yours until 7 July, 120 euros in all.
  - say: Who was it that lies under number 41?
    scenario: server_error
    steps:
      - {thought: Look it up., call: record, with: {id: 41}}
      - {thought: Once more., call: record, with: {id: 41}}
    conclude: Found.
    answer: It is the Ida, in A1.
  - say: Find me the two cheapest places for a boat of eight and a half metres. Mine draws little.
    scenario: rate_limit
    steps:
      - {thought: A length., call: vacancies, with: {min_length: 8.5}}
      - {thought: Too fast., call: vacancies, with: {min_length: 8.5}}
    conclude: Two.
    answer: A1 costs 21 euros a night and A2 29.50.
  - say: I'd like to stay a few days with my Frigg in A2.
    scenario: missing_information
    steps:
      - {thought: How long?, ask: How many nights and from which day?, reply: "Two, from 9 August 2025."}
      - {thought: Now it is known., call: reserve, with: {code: A2, boat: Frigg, from: 2025-08-09, nights: 2}}
    conclude: Asked and booked.
    answer: The Frigg may lie in A2 from 9 to 11 August 2025 for 59 euros.
  - say: What does a week in C3 cost, booked for the Rán from 1 September 2025?
    scenario: data_not_found
    steps:
      - {thought: To be tried., call: reserve, with: {code: C3, boat: Rán, from: 2025-09-01, nights: 7}}
    conclude: No such place.
    answer: There is no berth C3 here. Shall I look for one that fits?
  - say: Sixteen nights from 2 August 2025 for the Tuva in B8. If that is too long, as long as it goes.
    scenario: rejected_parameter
    steps:
      - {thought: As wished., call: reserve, with: {code: B8, boat: Tuva, from: 2025-08-02, nights: 16}}
      - {thought: Less., call: reserve, with: {code: B8, boat: Tuva, from: 2025-08-02, nights: 14}}
    conclude: Shorter.
    answer: Sixteen were refused, so it is 14 nights until 16 August for 210 euros.
  - say: Could you wash my hull while I am away?
    scenario: no_suitable_tool
    conclude: Nobody washes here.
    answer: I only look after places in the marina; for washing ask at the yard.
  - say: Give me every place there is on the western pier, the whole list please.
    scenario: long_output
    steps:
      - {thought: The pier., call: vacancies, with: {pier: West, limit: 10}}
    conclude: Three of them.
    answer: B8 for 15 euros, B9 for 17.50 and B7 for 40.
  - say: Four nights, not three, for booking 41.
    steps:
      - {thought: A change., call: amend, with: {id: 41, nights: 4}}
    conclude: Done.
    answer: Booking 41 now runs over 4 nights.
  - say: The owner of forty-one, number 41, has sunk. Strike it out and see that it's gone.
    steps:
      - {thought: Strike., call: release, with: {id: 41}}
    conclude: Gone.
    answer: Number 41 is struck out.
"""


def write_library(home: Path, copies: int = 0) -> Path:
    """Write a library: the tool above, held out, and so many more that are trained on, worded otherwise."""
    folder = home / "transportation"
    folder.mkdir(parents=True)
    (folder / "berthbook.yaml").write_text(BERTHS, encoding="utf-8")
    for number in range(copies):
        text = BERTHS.replace("held_out: true\n", "").replace("Berthbook", f"Quaylist {'ABCDEFG'[number]}")
        text = text.replace("berths.example", f"quays{number}.example")
        says = (line for line in text.splitlines() if line.startswith("  - say: "))
        for line in list(says):
            text = text.replace(line, f"{line} My neighbour on pier {number} asked the other day as well.")
        (folder / f"quaylist-{number}.yaml").write_text(text, encoding="utf-8")
    return home
