"""The cloud's own process: ministack with the patches. It runs on the interpreter of `.local/ministack`."""

from ministack.app import main

from localcloud import front_door, patches

if __name__ == "__main__":
    patches.apply_all()
    front_door.open_up()
    main()
